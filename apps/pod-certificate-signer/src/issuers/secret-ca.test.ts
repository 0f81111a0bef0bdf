import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { decide } from '../policy/decide.ts';
import type { CertificateOrder } from '../policy/decide.ts';
import { compilePolicy, parseSignerObject } from '../policy/signer-policy.ts';
import { caSecret, inBase64, privateKeyOf, rawSigner, stubRequestOf, testRequest } from '../testing/requests.ts';
import { checkedChain } from './check-chain.ts';
import { readSecretCa, readTrustAnchors, signWithCa } from './secret-ca.ts';
import { SecretIssuer } from './secret-issuer.ts';

const nowMs = Date.parse('2026-11-29T12:00:00.700Z');
const hour = 3_600_000;
const ca = caSecret({ notBefore: new Date(nowMs - hour), notAfter: new Date(nowMs + 100 * hour) });

function order(spec: Readonly<Record<string, unknown>> = {}): CertificateOrder {
  const object = parseSignerObject(rawSigner(spec));
  assert.ok(object);
  const stubPKCS10Request = stubRequestOf(privateKeyOf('ECDSAP384')).toString('base64');
  return decide(testRequest({ stubPKCS10Request }), compilePolicy(object));
}

describe('signWithCa', () => {
  test('signs what the order contains, verifiable by the CA', () => {
    const wanted = order();
    const signed = checkedChain(signWithCa(readSecretCa(ca.data), wanted, nowMs).certificateChain, wanted);
    const leaf = new X509Certificate(signed.certificateChain);
    const root = new X509Certificate(ca.certificatePem);
    assert.ok(leaf.checkIssued(root) && leaf.verify(root.publicKey));
    assert.equal(leaf.subject, 'CN=web.shop');
    assert.equal(leaf.subjectAltName, 'DNS:web-0.shop.pod.example.com, URI:spiffe://example.com/ns/shop/sa/web');
    assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    assert.equal(signed.notBefore.toISOString(), '2026-11-29T11:59:00.000Z');
    assert.equal(signed.notAfter.getTime() - signed.notBefore.getTime(), 24 * hour);
    // A self-signed CA is not sent to peers.
    assert.equal(signed.certificateChain.match(/BEGIN CERTIFICATE/g)?.length, 1);
  });

  test('ends with the CA, and does not sign for less than an hour', () => {
    const soon = readSecretCa(caSecret({ notBefore: new Date(0), notAfter: new Date(nowMs + 2 * hour) }).data);
    assert.equal(signWithCa(soon, order(), nowMs).notAfter.getTime(), soon.notAfter.getTime());
    assert.throws(() => signWithCa(soon, order(), nowMs + 1.5 * hour), { code: 'failed-precondition' });
  });
});

describe('readSecretCa', () => {
  test('names the wrong entry and nothing of its content', () => {
    const other = caSecret({ notBefore: new Date(0), notAfter: new Date(nowMs) });
    const leaf = Buffer.from(signWithCa(readSecretCa(ca.data), order(), nowMs).certificateChain).toString('base64');
    for (const [data, entry] of [
      [{}, 'tls.crt'],
      [{ ...ca.data, 'tls.crt': 'c2VjcmV0LXdvcmQ=' }, 'tls.crt'],
      [{ ...ca.data, 'tls.crt': leaf }, 'tls.crt'],
      [{ ...ca.data, 'tls.key': 'c2VjcmV0LXdvcmQ=' }, 'tls.key'],
      [{ ...ca.data, 'tls.key': other.data['tls.key'] }, 'tls.key'],
    ] as const)
      assert.throws(
        () => readSecretCa(data),
        (thrown) => {
          assert.ok(thrown instanceof CertfleetError);
          assert.match(thrown.message, new RegExp(`entry ${entry}`));
          assert.doesNotMatch(thrown.message, /secret-word|c2Vj|BEGIN/);
          return true;
        },
      );
  });
});

describe('readTrustAnchors', () => {
  const times = { notBefore: new Date(nowMs - hour), notAfter: new Date(nowMs + 100 * hour) };
  const root = caSecret(times, { commonName: 'root' });
  const middle = caSecret(times, { commonName: 'middle', parent: root });
  const issuing = caSecret(times, { commonName: 'issuing', parent: middle });
  const next = caSecret(times, { commonName: 'next' });
  const namesIn = (chain: readonly string[], additional?: readonly string[]): readonly string[] => {
    const data = {
      ...issuing.data,
      'tls.crt': inBase64(chain.join('')),
      ...(additional !== undefined && { 'ca.crt': inBase64(additional.join('')) }),
    };
    return readTrustAnchors(data).map(({ subject }) => subject);
  };
  const [rootPem, middlePem, issuingPem] = [root.certificatePem, middle.certificatePem, issuing.certificatePem];

  test('is the top of the chain, as far as it is known', () => {
    assert.deepEqual(namesIn([issuingPem, middlePem, rootPem]), ['CN=root']);
    assert.deepEqual(namesIn([issuingPem, middlePem]), ['CN=middle']);
    assert.deepEqual(namesIn([issuingPem]), ['CN=issuing']);
    assert.deepEqual(namesIn([rootPem]), ['CN=root']);
    // In the order of cert-manager: the chain without the root, which is in ca.crt.
    assert.deepEqual(namesIn([issuingPem, middlePem], [rootPem]), ['CN=root']);
    assert.deepEqual(namesIn([issuingPem, middlePem], []), ['CN=middle']);
  });

  test('has the next CA before it signs, but no certificate that is not a CA', () => {
    const leaf = signWithCa(readSecretCa(ca.data), order(), nowMs).certificateChain;
    assert.deepEqual(namesIn([rootPem], [rootPem, next.certificatePem, leaf]), ['CN=root', 'CN=next']);
  });

  test('names the wrong entry', () => {
    assert.throws(() => namesIn([rootPem], ['-----BEGIN CERTIFICATE-----\nAAAA']), /entry ca\.crt is unusable/);
    assert.throws(() => namesIn([]), /entry tls\.crt is unusable/);
  });
});

describe('checkedChain', () => {
  test('refuses another key, other names, a CA and a wrong lifetime', () => {
    const wanted = order();
    const sign = (each: CertificateOrder): string => signWithCa(readSecretCa(ca.data), each, nowMs).certificateChain;
    const names = { ...wanted.names, dnsNames: ['evil.example.com'] };
    for (const [pem, message] of [
      [sign(order()), /the key of the request/],
      [sign({ ...wanted, names }), /only the names of the policy, found "DNS:evil/],
      [sign({ ...wanted, names: { ...wanted.names, commonName: 'admin' } }), /found the common name "admin"/],
      [sign({ ...wanted, lifetimeSeconds: 90_000 }), /a lifetime of 3600 to 86400 s, found 90000 s/],
      [ca.certificatePem, /the key of the request/],
      ['hello', /at least one certificate/],
      ['-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', /certificates as PEM/],
    ] as const)
      assert.throws(() => checkedChain(pem, wanted), { reason: 'InvalidCertificate', message });
  });

  test('accepts no common name, that of the policy, and a DNS name of the policy as the common name', () => {
    const wanted = order();
    const [dnsName] = wanted.names.dnsNames;
    for (const commonName of [undefined, wanted.names.commonName, dnsName]) {
      const signed = { ...wanted, names: { ...wanted.names, commonName } };
      const { certificateChain } = signWithCa(readSecretCa(ca.data), signed, nowMs);
      assert.ok(checkedChain(certificateChain, wanted).notAfter > new Date(nowMs));
    }
  });
});

describe('SecretIssuer', () => {
  test('reads the Secret once a minute, and again after a failure', async () => {
    const clock = new ManualClock(nowMs);
    let reads = 0;
    let answer: () => object = () => ({ data: ca.data });
    const client = {
      request: (): Promise<unknown> => {
        reads += 1;
        return Promise.try(answer);
      },
    };
    const issuer = new SecretIssuer({ client, clock, namespace: 'certfleet', secretName: 'internal-ca' });
    await Promise.all([issuer.sign(order()), issuer.sign(order())]);
    assert.equal(reads, 1);
    await clock.advance(60_000);
    const replaced = caSecret({ notBefore: new Date(nowMs - hour), notAfter: new Date(nowMs + 100 * hour) });
    answer = () => ({ data: replaced.data });
    const { certificateChain } = await issuer.sign(order());
    const root = new X509Certificate(replaced.certificatePem);
    assert.ok(new X509Certificate(certificateChain).verify(root.publicKey));
    await clock.advance(60_000);
    answer = () => {
      throw new CertfleetError('unavailable', 'no connection');
    };
    const failure = { retryable: true, message: 'Secret certfleet/internal-ca: no connection' };
    await assert.rejects(issuer.sign(order()), failure);
    answer = () => ({ data: replaced.data });
    await issuer.sign(order());
    assert.equal(reads, 4);
  });
});
