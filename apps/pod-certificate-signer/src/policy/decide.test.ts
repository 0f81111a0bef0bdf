import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { keyTypes } from '@certfleet/shared/x509/pod-certificate-key-type.ts';
import type { PodCertificateRequest } from '../requests/pod-certificate-request.ts';
import { privateKeyOf, rawSigner, signedUid, stubRequestOf, testRequest } from '../testing/requests.ts';
import { decide } from './decide.ts';
import type { CertificateOrder } from './decide.ts';
import { Denial } from './denial.ts';
import { compilePolicy, parseSignerObject } from './signer-policy.ts';
import type { SignerPolicy } from './signer-policy.ts';

const key = privateKeyOf('ECDSAP256');
const stubPKCS10Request = stubRequestOf(key).toString('base64');

function policyOf(spec: Readonly<Record<string, unknown>> = {}): SignerPolicy {
  const object = parseSignerObject(rawSigner(spec));
  assert.ok(object);
  return compilePolicy(object);
}

const request = (spec: Readonly<Record<string, unknown>> = {}): PodCertificateRequest =>
  testRequest({ stubPKCS10Request, ...spec });

const annotated = (annotations: Readonly<Record<string, string>>): PodCertificateRequest =>
  request({ unverifiedUserAnnotations: annotations });

function denied(reason: string, message: RegExp): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof Denial, String(thrown));
    assert.equal(thrown.reason, reason);
    assert.match(thrown.message, message);
    return true;
  };
}

describe('decide', () => {
  test('gives a pod the names of its verified identity', () => {
    const { names, usages, lifetimeSeconds } = decide(request(), policyOf());
    assert.deepEqual(names, {
      commonName: 'web.shop',
      dnsNames: ['web-0.shop.pod.example.com'],
      uris: ['spiffe://example.com/ns/shop/sa/web'],
    });
    assert.deepEqual(usages, ['digital signature', 'server auth', 'client auth']);
    assert.equal(lifetimeSeconds, 86_400);
  });

  test('accepts each key type of the API, in a PKCS#10 request and as a signature of the UID', () => {
    for (const type of keyTypes) {
      const pair = privateKeyOf(type);
      const stub = stubRequestOf(pair).toString('base64');
      const { publicKey } = decide(request({ stubPKCS10Request: stub }), policyOf()).key;
      if (type.startsWith('RSA')) continue;
      const proven: CertificateOrder = decide(
        request({
          stubPKCS10Request: undefined,
          pkixPublicKey: publicKey.toString('base64'),
          proofOfPossession: signedUid(pair, 'p1').toString('base64'),
        }),
        policyOf(),
      );
      assert.ok(proven.key.publicKey.equals(publicKey));
    }
  });

  test('denies a key that the policy does not accept, and names those that it does', () => {
    const policy = policyOf({ keyTypes: ['ED25519', 'RSA4096'] });
    assert.throws(() => decide(request(), policy), denied('UnsupportedKeyType', /ED25519 or RSA4096, found ECDSAP256/));
  });

  test('denies a request whose proof is missing, damaged, of another pod or of another key', () => {
    const stub = stubRequestOf(key);
    const damaged = Buffer.from(stub);
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
    const { publicKey } = decide(request(), policyOf()).key;
    const signed = (by: typeof key, uid: string): object => ({
      stubPKCS10Request: undefined,
      pkixPublicKey: publicKey.toString('base64'),
      proofOfPossession: signedUid(by, uid).toString('base64'),
    });
    for (const spec of [
      { stubPKCS10Request: undefined },
      { stubPKCS10Request: 'MAA=' },
      { stubPKCS10Request: damaged.toString('base64') },
      signed(key, 'p2'),
      signed(privateKeyOf('ECDSAP256'), 'p1'),
    ])
      assert.throws(() => decide(request({ ...spec }), policyOf()), denied('InvalidProofOfPossession', /./));
  });

  test('denies an identity that no entry allows: both of its parts must match the same entry', () => {
    const policy = policyOf({
      allowed: [
        { namespaces: ['shop'], serviceAccounts: ['web', 'api-*'] },
        { namespaces: ['team-*'], serviceAccounts: ['db'] },
      ],
    });
    assert.ok(decide(request({ serviceAccountName: 'api-1' }), policy));
    const refusal = denied('IdentityNotAllowed', /does not allow ServiceAccount db in namespace shop/);
    assert.throws(() => decide(request({ serviceAccountName: 'db' }), policy), refusal);
  });

  test('limits the lifetime by the request, the policy and the annotation: the shortest wins', () => {
    const policy = policyOf({ maxLifetimeSeconds: 43_200 });
    assert.equal(decide(request(), policy).lifetimeSeconds, 43_200);
    assert.equal(decide(request({ maxExpirationSeconds: 7_200 }), policy).lifetimeSeconds, 7_200);
    assert.equal(decide(annotated({ 'csi.certfleet.io/duration': '2h' }), policy).lifetimeSeconds, 7_200);
    assert.equal(decide(annotated({ 'csi.certfleet.io/duration': '90h' }), policy).lifetimeSeconds, 43_200);
    const short = annotated({ 'csi.certfleet.io/duration': '59m' });
    assert.throws(() => decide(short, policy), denied('InvalidUnverifiedUserAnnotations', /duration.*3600 s/));
    const always = annotated({ 'csi.certfleet.io/renew-before': '7h' });
    assert.throws(() => decide(always, policy), denied('InvalidUnverifiedUserAnnotations', /at most half.*21600 s/));
  });
});

describe('the annotations of a pod certificate', () => {
  const policy = policyOf({ refinements: { dnsNames: ['*.$POD_NAMESPACE.svc'], uris: ['spiffe://example.com/x/*'] } });
  const refusal = (message: RegExp): ((thrown: unknown) => boolean) =>
    denied('InvalidUnverifiedUserAnnotations', message);

  test('select names that the policy allows', () => {
    const chosen = annotated({
      'csi.certfleet.io/dns-names': 'web.shop.svc, web-0.shop.pod.example.com',
      'csi.certfleet.io/uri-sans': 'spiffe://example.com/x/1',
      'csi.certfleet.io/common-name': 'web.shop.svc',
      'csi.certfleet.io/key-usages': 'server auth',
      'csi.certfleet.io/renew-before': '30m',
    });
    const { names, usages, renewBeforeSeconds } = decide(chosen, policy);
    assert.deepEqual(names, {
      commonName: 'web.shop.svc',
      dnsNames: ['web.shop.svc', 'web-0.shop.pod.example.com'],
      uris: ['spiffe://example.com/x/1'],
    });
    assert.deepEqual(usages, ['server auth']);
    assert.equal(renewBeforeSeconds, 1_800);
  });

  test('never widen the policy', () => {
    for (const [key, value] of [
      ['dns-names', 'web.other.svc'],
      ['dns-names', 'a.b.shop.svc'],
      ['dns-names', '*.shop.svc'],
      ['dns-names', 'web.shop.svc,kubernetes.default.svc'],
      ['dns-names', 'webXshop.svc'],
      ['dns-names', '$POD_NAME.shop.svc'],
      ['dns-names', 'web.shop.svc\nevil.svc'],
      ['uri-sans', 'spiffe://example.com/x/../ns/other'],
      ['uri-sans', 'spiffe://example.com/ns/shop/sa/admin'],
      ['uri-sans', 'spiffe://example.com/x/..'],
      ['uri-sans', 'spiffe://example.com/x/.'],
      ['common-name', 'admin'],
      ['key-usages', 'code signing'],
      ['key-usages', 'cert sign'],
      ['key-usages', ''],
    ] as const) {
      const refused = annotated({ [`csi.certfleet.io/${key}`]: value });
      assert.throws(() => decide(refused, policy), refusal(new RegExp(`csi.certfleet.io/${key}`)), `${key}=${value}`);
    }
  });

  test('of unusual length are denied before they are read, in short words', () => {
    for (const annotations of [
      { 'csi.certfleet.io/dns-names': 'x'.repeat(17_000) },
      Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`example.com/annotation-${index}`, ''])),
    ])
      assert.throws(() => decide(annotated(annotations), policy), refusal(/^expected annotations of at most 16384/));
    const { annotations } = annotated({ 'csi.certfleet.io/dns-names': 'x'.repeat(200_000) });
    assert.equal(annotations, undefined, 'a request that waits must not keep them');
    const many = Array.from({ length: 100 }, (_, index) => `n-${index}.shop.svc`).join();
    assert.equal(decide(annotated({ 'csi.certfleet.io/dns-names': many }), policy).names.dnsNames.length, 100);
    for (const value of [`${'x'.repeat(16_000)}.shop.svc`, ','.repeat(16_000), '\u0000'.repeat(16_000)]) {
      for (const key of ['dns-names', 'uri-sans', 'common-name', 'key-usages', 'duration', 'renew-before']) {
        assert.throws(
          () => decide(annotated({ [`csi.certfleet.io/${key}`]: value }), policy),
          (thrown) => thrown instanceof Denial && thrown.message.length <= 1_024,
          `${key} of ${value.length} characters`,
        );
      }
    }
  });

  test('cannot smuggle names by other spellings', () => {
    const uris = policyOf({
      refinements: { uris: ['https://$POD_NAMESPACE.example.com/*', 'spiffe://example.com/x/*/y'] },
    });
    for (const uri of [
      'https://shop.example.com@evil.example/x',
      'https://shop.example.com:443@evil/x',
      'https://shop.example.com/x?y',
      'https://shop.example.com/x#y',
      'https://shop.example.com/x/y',
      'https://shop.example.com/%2e%2e',
      'https://shop.example.com\\evil/x',
      'HTTPS://shop.example.com/x',
      'https://SHOP.example.com/x',
      'https://shop.example.com/',
      'spiffe://example.com/x//y',
      'spiffe://example.com/x/a/b/y',
      'spiffe://example.com/x/../y',
      'spiffe://example.com/x/ä/y',
    ])
      assert.throws(() => decide(annotated({ 'csi.certfleet.io/uri-sans': uri }), uris), refusal(/uri-sans/), uri);
    for (const name of [
      '.shop.svc',
      'a..shop.svc',
      'a.shop.svc.',
      'а.shop.svc',
      'a.shop.svc\u0000',
      '-a.shop.svc',
      'a b.shop.svc',
    ])
      assert.throws(
        () => decide(annotated({ 'csi.certfleet.io/dns-names': name }), policy),
        refusal(/dns-names/),
        name,
      );
    // Names are compared without case, as verifiers do.
    assert.deepEqual(decide(annotated({ 'csi.certfleet.io/dns-names': 'A.SHOP.svc' }), policy).names.dnsNames, [
      'a.shop.svc',
    ]);
    for (const duration of ['-2h', '1e9h', 'NaN', 'Infinity', '', '2', '99999999999h'])
      assert.throws(() => decide(annotated({ 'csi.certfleet.io/duration': duration }), policy), refusal(/duration/));
  });

  test('must be known, and leave a name', () => {
    for (const key of ['csi.certfleet.io/is-ca', 'example.com/dns-names', 'csi.certfleet.io/constructor'])
      assert.throws(() => decide(annotated({ [key]: 'x' }), policy), refusal(/unknown annotation, known ones: csi/));
    const bare = policyOf({ names: { dnsNames: ['$POD_NAME.example.com'] } });
    assert.throws(() => decide(annotated({ 'csi.certfleet.io/dns-names': ',' }), bare), refusal(/without a name/));
  });
});

describe('names of an identity', () => {
  test('that cannot be in a certificate are a denial', () => {
    const long = policyOf({ names: { commonName: '$POD_NAME.$POD_NAMESPACE' } });
    const request64 = request({ podName: 'p'.repeat(63) });
    assert.throws(() => decide(request64, long), denied('InvalidNames', /more than 64 characters/));
    const wide = policyOf({ refinements: { dnsNames: ['*.$POD_NAMESPACE.svc'] } });
    const longName = annotated({ 'csi.certfleet.io/common-name': `${'p'.repeat(63)}.shop.svc` });
    assert.throws(() => decide(longName, wide), denied('InvalidNames', /more than 64 characters/));
    const label = policyOf({ names: { dnsNames: ['$POD_NAME-x.example.com'] } });
    assert.throws(() => decide(request64, label), denied('InvalidNames', /not a DNS name/));
  });

  test('with an unknown variable make the PodCertificateSigner invalid', () => {
    for (const names of [{ dnsNames: ['$POD_LABEL_app.example.com'] }, { commonName: '$Foo' }])
      assert.throws(() => policyOf({ names }), { code: 'invalid-argument', message: /undefined variable/ });
    assert.throws(() => policyOf({ refinements: { uris: ['spiffe://$X/'] } }), /undefined variable/);
    assert.throws(() => policyOf({ allowed: [] }), /spec\.allowed/);
    assert.throws(() => policyOf({ usages: ['cert sign'] }), /spec\.usages/);
  });
});
