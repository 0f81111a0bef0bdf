import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Clock } from '@certfleet/shared/clock.ts';
import { verifyIssuedChain } from '../crypto/certificate-chain.ts';
import { createCertificateSigningRequest } from '../crypto/certificate-signing-request.ts';
import { generatePrivateKey } from '../crypto/private-key.ts';
import type { KeyKind } from '../crypto/private-key.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import { testVolumeSpec } from '../spec/testing/volume-spec.ts';
import type { IssueRequest } from '../issuance/certificate-issuer.ts';
import { openLocalCa, readLocalCa } from './local-ca.ts';
import { LocalCaIssuer } from './local-ca-issuer.ts';

const now = new Date();
const stillClock: Clock = { now: () => now.getTime(), monotonic: () => 0, schedule: () => () => undefined };
const noAbort = new AbortController().signal;
const base = await mkdtemp(join(tmpdir(), 'certfleet-local-ca-'));
after(() => rm(base, { recursive: true }));
let directories = 0;
const newDirectory = (): string => join(base, `ca-${(directories += 1)}`);
const caDirectory = newDirectory();
const ca = await openLocalCa(caDirectory, now);
const caText = await readFile(join(caDirectory, 'local-ca.pem'), 'latin1');
const key = await generatePrivateKey({ algorithm: 'ECDSA', size: 256 });

const spec = testVolumeSpec({
  subject: [[{ oid: '2.5.4.3', value: 'web' }]],
  ipAddresses: ['10.0.0.1'],
  durationMs: 10_000,
  keyUsages: ['digital signature', 'server auth'],
});

function request(changes: Partial<VolumeSpec> = {}, requestName = 'r1', withKey: KeyObject = key): IssueRequest {
  const volume = { ...spec, ...changes };
  const csrPem = createCertificateSigningRequest({ ...volume, key: withKey });
  return { requestName, volumeId: 'v1', spec: volume, csrPem, serviceAccountToken: undefined };
}

const opensslText = (pem: string): string =>
  execFileSync('openssl', ['x509', '-noout', '-text'], { input: pem, encoding: 'utf8' });

describe('LocalCaIssuer', () => {
  test('issues a certificate that openssl verifies with the CA', async () => {
    const response = await new LocalCaIssuer(ca, stillClock).issue(request(), noAbort);
    const caFile = join(base, 'verify-ca.crt');
    await writeFile(caFile, response.caPem);
    const verdict = execFileSync(
      'openssl',
      ['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'web.shop.svc', '-CAfile', caFile],
      { input: response.certificatePem, encoding: 'utf8' },
    );
    assert.match(verdict, /OK/);
    assert.deepEqual(verifyIssuedChain(response, { key, now }).warnings, []);
  });

  test('uses names, usages and the exact duration of the request', async () => {
    const { certificatePem } = await new LocalCaIssuer(ca, stillClock).issue(request(), noAbort);
    const text = opensslText(certificatePem);
    assert.match(text, /Subject: CN = web\n/);
    assert.match(text, /DNS:web.shop.svc, IP Address:10.0.0.1\n/);
    assert.match(text, /Key Usage: critical\n\s+Digital Signature\n/);
    assert.match(text, /Extended Key Usage: \n\s+TLS Web Server Authentication\n/);
    assert.match(text, /CA:FALSE/);
    const { validFromDate, validToDate } = new X509Certificate(certificatePem);
    assert.equal(validToDate.getTime() - validFromDate.getTime(), 10_000);
  });

  test('issues CA certificates on request, which never outlive the CA', async () => {
    const asked = request({ isCa: true, durationMs: 100 * 365 * 24 * 3_600_000 });
    const { certificatePem } = await new LocalCaIssuer(ca, stillClock).issue(asked, noAbort);
    assert.match(opensslText(certificatePem), /CA:TRUE\n[^]*Certificate Sign/);
    assert.equal(new X509Certificate(certificatePem).validToDate.getTime(), ca.notAfter.getTime());
  });

  for (const kind of [
    { algorithm: 'RSA', size: 2048 },
    { algorithm: 'ECDSA', size: 521 },
    { algorithm: 'Ed25519', size: 256 },
  ] satisfies KeyKind[]) {
    test(`certifies a ${kind.algorithm} ${kind.size} key`, async () => {
      const other = await generatePrivateKey(kind);
      const response = await new LocalCaIssuer(ca, stillClock).issue(request({}, 'r1', other), noAbort);
      assert.ok(verifyIssuedChain(response, { key: other, now }));
    });
  }

  test('returns the same certificate for the same request with another signature', async () => {
    const issuer = new LocalCaIssuer(ca, stillClock);
    const [first, again] = [request(), request()];
    assert.notEqual(first.csrPem, again.csrPem);
    assert.deepEqual(await issuer.issue(first, noAbort), await issuer.issue(again, noAbort));
  });

  test('rejects another request under the same name until the first is discarded', async () => {
    const issuer = new LocalCaIssuer(ca, stillClock);
    await issuer.issue(request(), noAbort);
    const other = request({ dnsNames: ['other'] });
    await assert.rejects(issuer.issue(other, noAbort), { code: 'already-exists', reason: 'RequestStale' });
    await issuer.discard(other);
    assert.ok(await issuer.issue(other, noAbort));
  });

  test('uses unique serial numbers', async () => {
    const issuer = new LocalCaIssuer(ca, stillClock);
    const responses = await Promise.all(['a', 'b', 'c'].map((name) => issuer.issue(request({}, name), noAbort)));
    assert.equal(
      new Set(responses.map(({ certificatePem }) => new X509Certificate(certificatePem).serialNumber)).size,
      3,
    );
  });

  test('keeps only the results of recent requests', async () => {
    const issuer = new LocalCaIssuer(ca, stillClock);
    const asked = request();
    const first = await issuer.issue(asked, noAbort);
    for (let index = 0; index < 512; index += 1) {
      await issuer.issue({ ...asked, requestName: `other-${index}` }, noAbort);
    }
    assert.notEqual((await issuer.issue(asked, noAbort)).certificatePem, first.certificatePem);
  });

  test('rejects a malformed request', async () => {
    const issuer = new LocalCaIssuer(ca, stillClock);
    const expected = { code: 'failed-precondition', reason: 'RequestFailed' };
    await assert.rejects(issuer.issue({ ...request(), csrPem: 'hello' }, noAbort), expected);
    const empty = '-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n';
    await assert.rejects(issuer.issue({ ...request(), csrPem: empty }, noAbort), expected);
  });

  test('rejects when aborted, and after it is stopped', async () => {
    const issuer = new LocalCaIssuer(ca, stillClock);
    await assert.rejects(issuer.issue(request(), AbortSignal.abort(new Error('deadline'))), /deadline/);
    await issuer.stop();
    await assert.rejects(issuer.issue(request(), noAbort), { code: 'unavailable' });
  });

  test('stores its CA in one file that only its owner can read, and reads it again', async () => {
    const directory = newDirectory();
    const made = await openLocalCa(directory, now);
    assert.deepEqual(await readdir(directory), ['local-ca.pem']);
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    assert.equal((await stat(join(directory, 'local-ca.pem'))).mode & 0o777, 0o600);
    await chmod(directory, 0o755);
    const found = await openLocalCa(directory, now);
    assert.equal(found.certificatePem, made.certificatePem);
    assert.ok(found.key.equals(made.key));
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
  });

  test('creates one CA if many processes open a new directory at once', async () => {
    const directory = newDirectory();
    const opened = await Promise.all(Array.from({ length: 8 }, () => openLocalCa(directory, now)));
    assert.equal(new Set(opened.map(({ certificatePem }) => certificatePem)).size, 1);
    assert.deepEqual(await readdir(directory), ['local-ca.pem']);
  });

  test('uses the CA of another process that was faster', async () => {
    const directory = newDirectory();
    await mkdir(directory);
    const opening = openLocalCa(directory, now);
    // The temporary file exists now; the other process creates the CA before it is renamed.
    while (readdirSync(directory).length === 0) await new Promise((resolve) => setImmediate(resolve));
    writeFileSync(join(directory, 'local-ca.pem'), caText, { flag: 'wx' });
    assert.equal((await opening).certificatePem, ca.certificatePem);
    assert.deepEqual(await readdir(directory), ['local-ca.pem']);
  });

  test('signs with the CA of the file at each request', async () => {
    const directory = newDirectory();
    const first = await openLocalCa(directory, now);
    const issuer = new LocalCaIssuer(first, stillClock, () => readLocalCa(directory, now));
    assert.equal((await issuer.issue(request({}, 'r1'), noAbort)).caPem, first.certificatePem);
    const replaced = newDirectory();
    const second = await openLocalCa(replaced, now);
    await rename(join(replaced, 'local-ca.pem'), join(directory, 'local-ca.pem'));
    assert.equal((await issuer.issue(request({}, 'r2'), noAbort)).caPem, second.certificatePem);
    await rm(join(directory, 'local-ca.pem'));
    await assert.rejects(issuer.issue(request({}, 'r3'), noAbort), { code: 'failed-precondition' });
  });

  test('rejects a foreign file, the key of another CA and an expired CA, and keeps the file', async () => {
    const directory = newDirectory();
    const made = await openLocalCa(directory, now);
    const path = join(directory, 'local-ca.pem');
    const other = await readFile(path, 'latin1');
    const refusal = { code: 'failed-precondition', message: /remove the file/ };
    await assert.rejects(openLocalCa(directory, made.notAfter), refusal);
    for (const text of ['', 'hello', made.certificatePem, other.replace(/-----BEGIN CERT[^]*/, ca.certificatePem)]) {
      await writeFile(path, text);
      await assert.rejects(openLocalCa(directory, now), refusal);
      assert.equal(await readFile(path, 'latin1'), text);
    }
  });
});
