import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { joinedNames, namesIn, typedName } from './several-names.ts';

describe('a filter by several names', () => {
  test('has each name once, without blanks around it', () => {
    assert.deepEqual(namesIn(' shop, data ,,mail'), ['shop', 'data', 'mail']);
    assert.deepEqual(namesIn(''), []);
    assert.equal(joinedNames(['shop', 'data', 'shop']), 'shop,data');
  });

  test('is completed at its end', () => {
    assert.deepEqual(typedName('sho'), { finished: '', typed: 'sho' });
    assert.deepEqual(typedName('shop,da'), { finished: 'shop,', typed: 'da' });
    assert.deepEqual(typedName('shop, '), { finished: 'shop,', typed: '' });
  });
});
