import { accessibilitySuite } from '../page/suites/accessibility.ts';
import { hostileContentSuite } from '../page/suites/hostile-content.ts';

accessibilitySuite('all');
hostileContentSuite('all');
