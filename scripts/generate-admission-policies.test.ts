import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { pattern } from './admission/cel.ts';
import { admissionPath, admissionVariables } from './generate-admission-policies.ts';

describe('the variables of the admission policies', () => {
  test('are those of the table of attributes', async () => {
    assert.equal(readFileSync(admissionPath, 'utf8'), await admissionVariables(), 'run npm run reference');
  });

  test('contain no pattern that RE2 reads otherwise or not at all', () => {
    for (const wrong of [/a(?=b)/, /a(?!b)/, /(?<=a)b/, /(a)\1/, /a\s/, /\bword/, /it's/]) {
      assert.throws(() => pattern(wrong), /RE2/);
    }
    assert.equal(pattern(/^\u00b5\/[\u{10ffff}]$/iu), "r'(?i)^\\x{00b5}/[\\x{10ffff}]$'");
  });
});
