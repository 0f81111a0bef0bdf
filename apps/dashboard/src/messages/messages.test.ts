import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { en } from './en.ts';
import { formatOf } from './format.ts';
import { format, t } from './messages.ts';
import type { Messages } from './messages.ts';

const english = en(formatOf('en'));

// The compiler checks the lines after these comments: it reports a directive under which nothing is wrong.
type States = Messages['nodes']['states'];
type Counts = Messages['counts'];
const faults = {
  // @ts-expect-error A message is missing.
  missing: (): States => ({ silent: 'S', enrolling: 'E' }),
  // @ts-expect-error There is no such message.
  unknown: (): States => ({ silent: 'S', enrolling: 'E', online: 'O', asleep: 'A' }),
  // @ts-expect-error A message has a parameter that the page does not give.
  parameter: (): Counts => ({ ...english.counts, nodes: (count: number, name: string) => `${count} ${name}` }),
  // @ts-expect-error The parameter is a number.
  type: (): Counts => ({ ...english.counts, nodes: (count: string) => count }),
  // @ts-expect-error The page does not give a parameter.
  notGiven: (): unknown => t.volumes.range({ first: 1, last: 2 }),
  // @ts-expect-error The page uses a message that is missing.
  notThere: (): unknown => t.views.moon,
  // @ts-expect-error The vocabulary has a word without a message.
  noWord: (): unknown => t.states['on-holiday'],
};

describe('messages', () => {
  test('their faults are found by the compiler', () => {
    assert.equal(Object.keys(faults).length, 7);
  });

  test('are English without a browser', () => {
    assert.equal(format.locale, 'en');
    assert.deepEqual(Object.keys(t), Object.keys(english));
  });

  test('count in whole sentences', () => {
    assert.equal(t.counts.volumes(1), '1 volume');
    assert.equal(t.counts.volumes(1_000), '1,000 volumes');
    assert.equal(t.groups.total({ volumes: 1, groups: 2 }), '1 volume in 2 groups');
    assert.equal(
      t.overview.timeline.summary({ renewed: 1, byDeadline: 0, failed: 2, due: 1_234 }),
      'In the past 48 hours 1 renewal, 0 of them by fallback deadline, and 2 failed attempts. 1,234 due in the next 24 hours.',
    );
    assert.equal(
      t.renewals.dialog.requestedLess({ renewals: 3, less: 1 }),
      '3 renewals requested. 1 volume no longer matched.',
    );
  });
});
