import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseVolumeSpec } from './parse-volume-spec.ts';
import type { VolumeSpec } from './volume-spec.ts';

const podInfo = {
  'csi.storage.k8s.io/pod.name': 'web-0',
  'csi.storage.k8s.io/pod.namespace': 'shop',
  'csi.storage.k8s.io/pod.uid': 'uid-1',
  'csi.storage.k8s.io/serviceAccount.name': 'web',
};
const options = { defaultDurationMs: 3_600_000, volumeMountGroup: '' };

function parse(attributes: Record<string, string>, lenient: boolean): VolumeSpec {
  const own = Object.entries({ 'issuer-name': 'ca', ...attributes });
  const raw = { ...podInfo, ...Object.fromEntries(own.map(([name, value]) => [`csi.cert-manager.io/${name}`, value])) };
  return parseVolumeSpec(raw, { ...options, lenient });
}

/** A context that a new volume is refused for, and its result for an existing one. */
const cases: readonly (readonly [Record<string, string>, (spec: VolumeSpec) => unknown, unknown])[] = [
  [{ 'common-name': 'web\n' }, ({ subject }) => subject[0]?.[0]?.value, 'web\n'],
  [{ 'issuer-name': 'ca\n' }, ({ issuer }) => issuer.name, 'ca\n'],
  [{ 'uri-sans': '/x, spiffe://a/b' }, ({ uris }) => uris, ['/x', 'spiffe://a/b']],
  [{ 'uri-sans': 'x y' }, ({ uris }) => uris, []],
  [{ 'dns-names': 'a b,w\u00e9b,ok' }, ({ dnsNames }) => dnsNames, ['a b', 'ok']],
  [{ 'ip-sans': '10.0.0.1,nonsense' }, ({ ipAddresses }) => ipAddresses, ['10.0.0.1']],
  [{ duration: '0s' }, ({ durationMs }) => durationMs, 3_600_000],
  [{ duration: 'forever' }, ({ durationMs }) => durationMs, 3_600_000],
  [{ 'renew-before': 'soon' }, ({ renewBeforeMs }) => renewBeforeMs, undefined],
  [{ organizations: 'a "b",c' }, ({ subject }) => subject[0]?.map(({ value }) => value), ['a "b"', 'c']],
  [{ 'key-usages': 'server auth,nonsense' }, ({ keyUsages }) => keyUsages, ['server auth']],
  [{ 'key-usages': 'nonsense' }, ({ keyUsages }) => keyUsages, ['digital signature', 'key encipherment']],
  [{ 'key-algorithm': 'ECDSA', 'key-size': '1' }, ({ key }) => key.size, 256],
  [{ 'key-size': '1024' }, ({ key }) => key.size, 2048],
  [{ 'key-algorithm': 'Ed25519', 'key-size': '1' }, ({ key }) => key.size, 256],
  [{ 'key-algorithm': 'ECDSA', 'key-encoding': 'PKCS1' }, ({ key }) => key.encoding, 'PKCS8'],
  [{ 'key-algorithm': 'DSA' }, ({ key }) => key.algorithm, 'RSA'],
  [{ 'certificate-file': 'a\tb' }, ({ files }) => files.certificate, 'a\tb'],
  [{ 'certificate-file': '../x' }, ({ files }) => files.certificate, 'tls.crt'],
  [{ 'is-ca': 'yes' }, ({ isCa }) => isCa, false],
  [{ 'fs-group': '0' }, ({ fsGroup }) => fsGroup, undefined],
  [{ 'common-name': '${HOSTNAME}' }, ({ subject }) => subject[0]?.[0]?.value, '${HOSTNAME}'],
  [{ 'pkcs12-enable': 'true', 'pkcs12-password': 'p\u00e4ss' }, ({ pkcs12 }) => pkcs12?.keystoreFile, 'keystore.p12'],
  [{ 'pkcs12-enable': 'true' }, ({ pkcs12 }) => pkcs12?.keystoreFile, 'keystore.p12'],
];

describe('lenient parseVolumeSpec', () => {
  test('accepts for an existing volume what a new one is refused for', () => {
    for (const [attributes, read, expected] of cases) {
      assert.throws(() => parse(attributes, false), { reason: 'InvalidAttributes' }, JSON.stringify(attributes));
      const spec = parse(attributes, true);
      assert.deepEqual(read(spec), expected, JSON.stringify(attributes));
      assert.ok(spec.warnings.length > 0, 'expected a warning');
      assert.ok(!spec.warnings.some((warning) => warning.includes('\u00e4')), 'but no password');
    }
  });

  test('accepts too many and unknown attributes', () => {
    const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`unknown-${index}`, 'x']));
    assert.equal(parse(many, true).warnings.length, 32);
    assert.throws(() => parseVolumeSpec({}, { ...options, lenient: true }), /pod\.name: Required value/);
  });
});
