// The page with 20,000 volumes; e2e/slow/large-fleet.test.ts has 100,000.
import { largeFleetSuite } from './support/large-fleet-suite.ts';

largeFleetSuite(20);
