import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chosenLanguage } from './language.ts';

describe('chosenLanguage', () => {
  test('is the first language of the list that has messages, also without its region', () => {
    assert.equal(chosenLanguage(['fr-CH', 'de-AT', 'en'], ['de', 'pl']), 'de');
    assert.equal(chosenLanguage(['pt-BR', 'pt'], ['pt', 'pt-BR']), 'pt-BR');
    assert.equal(chosenLanguage(['zh-Hant-TW'], ['zh-Hant', 'zh']), 'zh-Hant');
    assert.equal(chosenLanguage(['DE'], ['de']), 'de');
  });

  test('is English if the user prefers it, and if no language has messages', () => {
    assert.equal(chosenLanguage(['en-GB', 'de'], ['de']), 'en');
    assert.equal(chosenLanguage(['fr', ''], ['de']), 'en');
    assert.equal(chosenLanguage([], []), 'en');
  });

  test('a region is not served by another region', () => {
    assert.equal(chosenLanguage(['pt'], ['pt-BR']), 'en');
  });
});
