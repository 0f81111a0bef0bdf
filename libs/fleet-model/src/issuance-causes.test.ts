import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { causeLetter, causeOfLetter, issuanceCauses } from './issuance-causes.ts';
import { causeNames, reportedCauses } from './report-terms.ts';

describe('issuanceCauses', () => {
  test('has the letters of the stored history', () => {
    const letters = issuanceCauses.map((cause) => [cause, causeLetter(cause)]);
    assert.deepEqual(letters, [
      ['mount', 'm'],
      ['job', 'j'],
      ['requested', 'p'],
      ['retry', 'r'],
      ['deadline', 'd'],
      ['unknown', 'u'],
    ]);
    for (const cause of issuanceCauses) assert.equal(causeOfLetter(causeLetter(cause)), cause);
    assert.equal(causeOfLetter('?'), 'unknown');
  });

  test('has a value in reports for every cause that an agent reports', () => {
    assert.deepEqual(reportedCauses, { unknown: 0, mount: 1, job: 2, deadline: 3 });
    for (const [name, value] of Object.entries(reportedCauses)) assert.equal(causeNames[value], name);
  });
});
