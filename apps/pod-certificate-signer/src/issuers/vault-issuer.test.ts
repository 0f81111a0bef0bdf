// The protocol of Vault's PKI engine and Kubernetes authentication, as its API documentation describes it.
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { systemClock } from '@certfleet/shared/clock.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { decide } from '../policy/decide.ts';
import type { CertificateOrder } from '../policy/decide.ts';
import { compilePolicy, parseSignerObject } from '../policy/signer-policy.ts';
import { caSecret, privateKeyOf, rawSigner, stubRequestOf, testRequest } from '../testing/requests.ts';
import { readSecretCa, signWithCa } from './secret-ca.ts';
import { VaultIssuer } from './vault-issuer.ts';

interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, string>>;
}

const hour = 3_600_000;
const times = { notBefore: new Date(Date.now() - hour), notAfter: new Date(Date.now() + 100 * hour) };
const secret = caSecret(times);
const ca = readSecretCa(secret.data);
const unaborted = new AbortController().signal;

let directory: string;
let server: Server;
let received: Received[] = [];
/** Status and body for the sign endpoint. */
let answer: (body: Received['body']) => {
  readonly status: number;
  readonly body: object | string;
  readonly headers?: Readonly<Record<string, string>>;
};

function order(spec: object = {}): CertificateOrder {
  const object = parseSignerObject(rawSigner({ ...spec }));
  assert.ok(object);
  const stubPKCS10Request = stubRequestOf(privateKeyOf('ECDSAP256')).toString('base64');
  return decide(testRequest({ stubPKCS10Request }), compilePolicy(object));
}

function issuerOf(clock = systemClock): VaultIssuer {
  const { port } = server.address() as AddressInfo;
  const spec = { server: `https://localhost:${port}`, path: 'pki/sign/pods', role: 'signer', namespace: 'team' };
  const tokenFile = join(directory, 'token');
  return new VaultIssuer({ clock, spec, tokenFile, readCa: () => Promise.resolve(secret.certificatePem) });
}

/** The response of Vault: backdated by 30 s, with the CA as its chain. */
function signed(wanted: CertificateOrder, changes: Partial<CertificateOrder> = {}): { status: number; body: object } {
  const certificate = signWithCa(ca, { ...wanted, ...changes }, Date.now()).certificateChain;
  return { status: 200, body: { data: { certificate, ca_chain: [secret.certificatePem] } } };
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'certfleet-vault-'));
  await writeFile(join(directory, 'token'), 'the-jwt\n');
  const key = privateKeyOf('ECDSAP256');
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const names = { commonName: undefined, dnsNames: ['localhost'], uris: [] };
  const { certificateChain } = signWithCa(
    ca,
    { ...order(), names, key: { key: createPublicKey(key), publicKey, stubRequest: undefined } },
    Date.now(),
  );
  const keyPem = createPrivateKey(key.export({ type: 'pkcs8', format: 'pem' })).export({
    type: 'pkcs8',
    format: 'pem',
  });
  server = createServer({ cert: certificateChain, key: keyPem }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Received['body'];
      const path = request.url ?? '';
      received.push({ path, headers: request.headers, body });
      const login = { status: 200, body: { auth: { client_token: 'the-token', lease_duration: 3_600 } } };
      const { status, body: sent, headers = {} } = path.endsWith('/login') ? { ...login, headers: {} } : answer(body);
      response.writeHead(status, headers).end(typeof sent === 'string' ? sent : JSON.stringify(sent));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
});
after(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true });
});
beforeEach(() => {
  received = [];
});

describe('VaultIssuer', () => {
  test('logs in with its token, and gives the names of the policy beside the request', async () => {
    const wanted = order();
    answer = () => signed(wanted);
    const issuer = issuerOf();
    assert.deepEqual(await issuer.trustAnchors(), []);
    const { certificateChain } = await issuer.sign(wanted, unaborted);
    assert.deepEqual(
      (await issuer.trustAnchors()).map(({ fingerprint256 }) => fingerprint256),
      [new X509Certificate(secret.certificatePem).fingerprint256],
    );
    assert.deepEqual(new X509Certificate(certificateChain).subject, 'CN=web.shop');
    assert.equal(certificateChain.match(/BEGIN CERTIFICATE/g)?.length, 2);
    const [login, sign] = received;
    assert.deepEqual([login?.path, login?.body], ['/v1/auth/kubernetes/login', { role: 'signer', jwt: 'the-jwt' }]);
    assert.equal(sign?.path, '/v1/pki/sign/pods');
    assert.deepEqual([sign.headers['x-vault-token'], sign.headers['x-vault-namespace']], ['the-token', 'team']);
    const { csr, ...parameters } = sign.body;
    assert.match(csr ?? '', /^-----BEGIN CERTIFICATE REQUEST-----/);
    assert.deepEqual(parameters, {
      common_name: 'web.shop',
      alt_names: 'web-0.shop.pod.example.com',
      uri_sans: 'spiffe://example.com/ns/shop/sa/web',
      exclude_cn_from_sans: true,
      ttl: '86370s',
      format: 'pem',
    });
  });

  test('uses a token for two thirds of its lease, and logs in again when it is refused', async () => {
    const clock = new ManualClock(Date.now());
    const issuer = issuerOf(clock);
    const wanted = order();
    const logins = (): number => received.filter(({ path }) => path.endsWith('/login')).length;
    answer = () => signed(wanted);
    await issuer.sign(wanted, unaborted);
    await issuer.sign(wanted, unaborted);
    assert.equal(logins(), 1);
    await clock.advance(2_400_000);
    await issuer.sign(wanted, unaborted);
    assert.equal(logins(), 2);
    answer = () => ({ status: 403, body: { errors: ['permission denied'] } });
    await assert.rejects(issuer.sign(wanted, unaborted), { code: 'permission-denied', message: /permission denied/ });
    answer = () => signed(wanted);
    await issuer.sign(wanted, unaborted);
    assert.equal(logins(), 3);
  });

  test('refuses a certificate with other names, and repeats no secret in its errors', async () => {
    const wanted = order();
    answer = () => signed(wanted, { names: { ...wanted.names, dnsNames: ['kubernetes.default.svc'] } });
    await assert.rejects(issuerOf().sign(wanted, unaborted), { reason: 'InvalidCertificate' });
    for (const [status, body, code] of [
      [400, { errors: ['role needs a common name'] }, 'failed-precondition'],
      [503, { errors: [] }, 'unavailable'],
      [200, 'no json', 'unavailable'],
      [200, { data: {} }, 'unavailable'],
      [200, 'x'.repeat(300_000), 'unavailable'],
    ] as const) {
      answer = () => ({ status, body });
      await assert.rejects(issuerOf().sign(wanted, unaborted), (thrown: Error & { code?: string }) => {
        assert.equal(thrown.code, code, thrown.message);
        assert.doesNotMatch(thrown.message, /the-jwt|the-token/);
        return true;
      });
    }
  });

  test('passes on how long the server asks to wait', async () => {
    const wanted = order();
    for (const [status, retryAfter, retryAfterMs] of [
      [429, '30', 30_000],
      [503, '1', 1_000],
      [503, 'Sun, 29 Nov 2026 12:00:00 GMT', undefined],
      [400, '30', undefined],
    ] as const) {
      answer = () => ({ status, body: { errors: [] }, headers: { 'retry-after': retryAfter } });
      await assert.rejects(issuerOf().sign(wanted, unaborted), { retryAfterMs });
    }
  });

  test('needs a PKCS#10 request, and a server of its CA', async () => {
    const wanted = order();
    const without = { ...wanted, key: { ...wanted.key, stubRequest: undefined } };
    await assert.rejects(issuerOf().sign(without, unaborted), /PKCS#10/);
    const { port } = server.address() as AddressInfo;
    const spec = { server: `https://localhost:${port}`, path: 'pki/sign/pods', role: 'signer' };
    const tokenFile = join(directory, 'token');
    const readCa = (): Promise<string> => Promise.resolve(caSecret(times).certificatePem);
    const foreign = new VaultIssuer({ clock: systemClock, spec, tokenFile, readCa });
    await assert.rejects(foreign.sign(wanted, unaborted), { code: 'unavailable' });
    assert.deepEqual(received, []);
  });
});
