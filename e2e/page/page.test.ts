// The page in a real Chromium, from a real controller: each suite with fleets of its own, and all in one browser. The suites
// wait for most of their time, so some of them run at once.
import { describe } from 'node:test';
import { accessibilitySuite } from './suites/accessibility.ts';
import { actionsSuite } from './suites/actions.ts';
import { chartsSuite } from './suites/charts.ts';
import { hostileContentSuite } from './suites/hostile-content.ts';
import { keyboardSuite } from './suites/keyboard.ts';
import { lieDetectorSuite } from './suites/lie-detector.ts';
import { liveSuite } from './suites/live.ts';
import { messagesSuite } from './suites/messages.ts';
import { nightShiftSuite } from './suites/night-shift.ts';
import { renewalsSuite } from './suites/renewals.ts';
import { tablesSuite } from './suites/tables.ts';
import { truthSuite } from './suites/truth.ts';
import { viewsSuite } from './suites/views.ts';

describe('the page', { concurrency: 3 }, () => {
  // The longest first.
  nightShiftSuite();
  renewalsSuite();
  hostileContentSuite('sample');
  accessibilitySuite('sample');
  lieDetectorSuite();
  actionsSuite();
  viewsSuite();
  liveSuite();
  keyboardSuite();
  tablesSuite();
  chartsSuite();
  messagesSuite();
  truthSuite();
});
