import { accessibilitySuite } from '../page/suites/accessibility.ts';

accessibilitySuite('all');
