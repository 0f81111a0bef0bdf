import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { maxViews, TableMemory } from './table-memory.ts';

function storageOf(text?: string) {
  const values = new Map<string, string>(text === undefined ? [] : [['certfleet-tables', text]]);
  return {
    values,
    getItem: (key: string): string | null => values.get(key) ?? null,
    setItem: (key: string, value: string): void => void values.set(key, value),
  };
}

describe('TableMemory', () => {
  test('keeps columns, density and views for the next visit', () => {
    const storage = storageOf();
    const memory = new TableMemory(storage);
    memory.chooseColumns('/volumes', ['pod', 'expires']);
    memory.chooseWidths('/volumes', { pod: 200, expires: 90 });
    memory.chooseWidths('/volumes', { pod: 180 });
    memory.chooseDensity(true);
    assert.equal(memory.save({ name: ' failing ', path: '/volumes', search: '?state=failing' }), undefined);
    assert.equal(memory.save({ name: 'failing', path: '/volumes', search: '?state=failing,expired' }), undefined);
    assert.deepEqual(new TableMemory(storage).remembered.value, {
      columns: { '/volumes': ['pod', 'expires'] },
      widths: { '/volumes': { pod: 180, expires: 90 } },
      isCompact: true,
      views: [{ name: 'failing', path: '/volumes', search: '?state=failing,expired' }],
    });
    memory.chooseWidths('/volumes', {});
    assert.deepEqual(new TableMemory(storage).remembered.value.widths, {});
    memory.forget('failing');
    assert.deepEqual(new TableMemory(storage).remembered.value.views, []);
  });

  test('keeps the columns, widths and views of pod certificates, whose columns are others than those of volumes', () => {
    const storage = storageOf();
    const memory = new TableMemory(storage);
    memory.chooseColumns('/pod-certificates', ['pod', 'signer']);
    memory.chooseWidths('/pod-certificates', { signer: 200 });
    memory.save({ name: 'denied', path: '/pod-certificates', search: '?state=denied' });
    memory.chooseColumns('/volumes', ['pod', 'signer', 'issuer']);
    assert.deepEqual(new TableMemory(storage).remembered.value, {
      columns: { '/volumes': ['pod', 'issuer'], '/pod-certificates': ['pod', 'signer'] },
      widths: { '/pod-certificates': { signer: 200 } },
      isCompact: false,
      views: [{ name: 'denied', path: '/pod-certificates', search: '?state=denied' }],
    });
  });

  test('is limited, and says why a view cannot be saved', () => {
    const memory = new TableMemory(undefined);
    for (let i = 0; i < maxViews; i += 1) memory.save({ name: `${i}`, path: '/volumes', search: '' });
    assert.match(memory.save({ name: 'more', path: '/volumes', search: '' }) ?? '', /At most 20/);
    assert.equal(memory.save({ name: '3', path: '/at-risk', search: '' }), undefined);
    assert.match(memory.save({ name: ' ', path: '/volumes', search: '' }) ?? '', /needs a name/);
    assert.match(memory.save({ name: '3', path: '/volumes', search: 'x'.repeat(2_001) }) ?? '', /too long/);
  });

  test('ignores what is damaged or foreign, and works without storage', () => {
    const nothing = { columns: {}, widths: {}, isCompact: false, views: [] };
    const bad = { name: 'a', path: '//evil.example', search: '' };
    const search = { name: 'b', path: '/volumes', search: 'javascript:1' };
    for (const text of [
      '',
      '{',
      '[]',
      'null',
      JSON.stringify({ columns: { '/volumes': ['no'], x: ['pod'] }, views: 1 }),
      JSON.stringify({ widths: { '/volumes': { pod: 1, node: 'wide', no: 100, issuer: null }, x: { pod: 100 } } }),
    ])
      assert.deepEqual(new TableMemory(storageOf(text)).remembered.value, nothing, text);
    const views = [bad, search, { name: 'c', path: '/at-risk', search: '?node=a' }, null];
    const { value } = new TableMemory(storageOf(JSON.stringify({ views, isCompact: 1 }))).remembered;
    assert.deepEqual(value.views, [{ name: 'c', path: '/at-risk', search: '?node=a' }]);
    const full = {
      getItem: () => null,
      setItem: () => {
        throw new Error('quota');
      },
    };
    const memory = new TableMemory(full);
    memory.chooseDensity(true);
    assert.ok(memory.remembered.value.isCompact);
  });
});
