import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const root = resolve(import.meta.dirname, '..');
const page = readFileSync(join(root, 'SECURITY.md'), 'utf8');

/** Files of tests that the page names, by their links. */
const proofs = [...page.matchAll(/\]\(((?:apps|libs|e2e|scripts)\/[^)#]+\.ts)\)/g)].map(([, path = '']) => path);

test('every test that the threat model names is there, and is a test', () => {
  assert.ok(new Set(proofs).size > 20);
  for (const path of proofs) {
    assert.ok(existsSync(join(root, path)), `${path}: expected a file`);
    assert.match(readFileSync(join(root, path), 'utf8'), /\b(test|it)\(/, `${path}: expected tests in it`);
  }
});

test('the threat model speaks of every actor, and each claim in a table has its proof or its reason', () => {
  for (const actor of [
    'A pod',
    'A tenant',
    'A node',
    "An agent's token",
    'An operator',
    'An authenticating proxy',
    'Redis',
    'An issuer',
  ]) {
    assert.match(page, new RegExp(`^### ${actor}`, 'm'));
  }
  const actors = page.slice(page.indexOf('## Actors'), page.indexOf('## What is trusted'));
  const claims = actors.split('\n').filter((line) => line.startsWith('| ') && !/^\| (it|-+) /.test(line));
  assert.ok(claims.length > 20);
  for (const claim of claims) {
    const [, , proof = ''] = claim.split(/\s*\|\s*/);
    assert.ok(proof !== '', claim);
    assert.doesNotMatch(claim, /\b(TODO|tbd)\b/i);
  }
});
