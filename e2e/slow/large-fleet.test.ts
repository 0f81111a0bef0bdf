// The page with 100,000 volumes on 100 nodes.
import { largeFleetSuite } from '../page/support/large-fleet-suite.ts';

largeFleetSuite(100);
