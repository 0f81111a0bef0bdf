import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { TestAuthority } from '../../../../e2e/support/test-authority.ts';
import { readRotationCas } from './rotation-certificates.ts';

describe('readRotationCas', () => {
  const directory = mkdtempSync(join(tmpdir(), 'certfleet-rotation-'));
  after(() => rmSync(directory, { recursive: true }));
  const authorities = ['old', 'new'].map((name) => new TestAuthority(directory, name));
  const [before = '', later = ''] = authorities.map(({ files }) => readFileSync(files.certificateFile, 'utf8'));
  const leaf = readFileSync(authorities[0]?.issue('leaf', 'DNS:a').certificateFile ?? '', 'utf8');
  const read = (from: string, to: string) => readRotationCas({ from, to });
  const problemOf = (from: string, to: string): string => {
    const cas = read(from, to);
    return 'problem' in cas ? cas.problem : '';
  };

  test('reads both CAs, each certificate once', () => {
    const cas = read(before, `# comment\n${later}${later}`);
    assert.ok(!('problem' in cas));
    const fingerprint = (pem: string): string =>
      new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
    assert.deepEqual([cas.from, cas.to], [[fingerprint(before)], [fingerprint(later)]]);
    assert.deepEqual(cas.certificates.map(fingerprint), [...cas.from, ...cas.to]);
  });

  test('says what is wrong with the certificates', () => {
    assert.match(problemOf('text', later), /from\.certificate: expected 1 to 4 certificates, found 0/);
    assert.match(problemOf(before, later.repeat(5)), /to\.certificate: expected 1 to 4 certificates, found 5/);
    assert.match(problemOf(before, later.replace('MI', '!!')), /to\.certificate: block 1 is not an X\.509/);
    assert.match(problemOf(before, leaf), /to\.certificate: block 1 is not the certificate of a CA/);
    assert.match(problemOf(before, `${later}${before}`), /in common/);
  });
});
