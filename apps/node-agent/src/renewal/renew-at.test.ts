import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renewAt } from './renew-at.ts';

const validity = { notBefore: new Date(0), notAfter: new Date(30_000) };

test('renews after two thirds of the lifetime when nothing is said', () => {
  assert.equal(renewAt(validity, undefined).getTime(), 20_000);
});

test('renews the asked time before not-after', () => {
  assert.equal(renewAt(validity, 1_000).getTime(), 29_000);
});

test('ignores a renew-before that is not shorter than the lifetime', () => {
  assert.equal(renewAt(validity, 30_000).getTime(), 20_000);
  assert.equal(renewAt(validity, 31_000).getTime(), 20_000);
});
