import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';

const root = resolve(import.meta.dirname, '..');
const page = readFileSync(join(root, 'SECURITY.md'), 'utf8');

/** The test files that the page links to. */
const proofs = [...page.matchAll(/\]\(((?:apps|libs|e2e|scripts)\/[^)#]+\.ts)\)/g)].map(([, path = '']) => path);

describe('the threat model', () => {
  test('every test that the threat model refers to exists and contains tests', () => {
    assert.ok(new Set(proofs).size > 20);
    for (const path of proofs) {
      assert.ok(existsSync(join(root, path)), `${path}: expected a file`);
      assert.match(readFileSync(join(root, path), 'utf8'), /\b(test|it)\(/, `${path}: expected tests in it`);
    }
  });

  test('the threat model covers every actor, and each claim has a proof or a reason', () => {
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
});
