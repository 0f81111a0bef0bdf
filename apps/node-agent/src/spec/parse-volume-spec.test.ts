import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseVolumeSpec } from './parse-volume-spec.ts';
import type { VolumeSpec } from './volume-spec.ts';

const hour = 3_600_000;
const podInfo = {
  'csi.storage.k8s.io/pod.name': 'web-0',
  'csi.storage.k8s.io/pod.namespace': 'shop',
  'csi.storage.k8s.io/pod.uid': '1f0e9a52-8d5c-4a55-9b3c-d7c0ffee0001',
  'csi.storage.k8s.io/serviceAccount.name': 'web',
  'csi.storage.k8s.io/ephemeral': 'true',
};

/** Parses these certfleet attributes together with an issuer's name and the pod's info. */
function parse(ours: Record<string, string>, volumeMountGroup = ''): VolumeSpec {
  const named = { 'issuer-name': 'ca', ...ours };
  const attributes = Object.entries(named).map(([name, value]) => [`csi.cert-manager.io/${name}`, value]);
  return parseVolumeSpec(
    { ...podInfo, ...(Object.fromEntries(attributes) as Record<string, string>) },
    { nodeName: 'node-1', defaultDurationMs: 720 * hour, volumeMountGroup },
  );
}

/** Asserts that the attributes are refused with this problem only, after `volumeAttributes.csi.cert-manager.io/`. */
function refuses(ours: Record<string, string>, problem: string): void {
  assert.throws(() => parse(ours), {
    code: 'invalid-argument',
    reason: 'InvalidAttributes',
    message: `volumeAttributes.csi.cert-manager.io/${problem}`,
  });
}

describe('parseVolumeSpec', () => {
  test('applies the default of every attribute', () => {
    assert.deepEqual(parse({ 'dns-names': 'web' }), {
      pod: {
        name: 'web-0',
        namespace: 'shop',
        uid: '1f0e9a52-8d5c-4a55-9b3c-d7c0ffee0001',
        serviceAccountName: 'web',
      },
      podVariables: { used: [], unknown: [] },
      issuer: { name: 'ca', kind: 'Issuer', group: 'cert-manager.io' },
      subject: [],
      dnsNames: ['web'],
      uris: [],
      ipAddresses: [],
      durationMs: 720 * hour,
      renewBeforeMs: undefined,
      isCa: false,
      keyUsages: ['digital signature', 'key encipherment'],
      key: { algorithm: 'RSA', size: 2048, encoding: 'PKCS1' },
      reusePrivateKey: false,
      files: {
        certificate: 'tls.crt',
        ca: 'ca.crt',
        privateKey: 'tls.key',
        combinedPem: undefined,
        reloadMarker: undefined,
      },
      probe: undefined,
      reload: undefined,
      rollsWorkload: false,
      trust: [],
      pkcs12: undefined,
      jks: undefined,
      fsUser: undefined,
      fsGroup: undefined,
      fileMode: 0o440,
      privateFileMode: 0o440,
      annotations: {},
      warnings: [],
    });
  });

  test('treats an empty attribute as unset', () => {
    const empty = ['issuer-kind', 'issuer-group', 'duration', 'is-ca', 'key-usages', 'key-algorithm', 'key-size'];
    const files = ['key-encoding', 'certificate-file', 'fs-group', 'pkcs12-enable', 'keystore-pkcs12-enable'];
    const ours = Object.fromEntries([...empty, ...files].map((name) => [name, '']));
    assert.deepEqual(parse({ ...ours, 'dns-names': 'web' }), parse({ 'dns-names': 'web' }));
    refuses({ 'issuer-name': '' }, 'issuer-name: Required value: issuer-name is a required field');
  });

  test('freezes the spec recursively', () => {
    const spec = parse({
      'literal-subject': 'CN=web',
      'dns-names': 'a,b',
      'pkcs12-enable': 'true',
      'pkcs12-password-file': 'x',
      'jks-truststore-enable': 'true',
      'jks-password-file': 'y',
    });
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen));
    assert.ok(frozen(spec));
  });

  test('expands variables in the starred attributes before lists are split', () => {
    const spec = parse({
      'dns-names': '$POD_NAME.$POD_NAMESPACE.svc, ${SERVICE_ACCOUNT_NAME}.example.com',
      'uri-sans': 'spiffe://cluster.local/ns/$POD_NAMESPACE/sa/$SERVICE_ACCOUNT_NAME,node:$NODE_NAME',
      'common-name': '$POD_UID',
      organizations: '$POD_NAMESPACE,$POD_NAME',
    });
    assert.deepEqual(spec.dnsNames, ['web-0.shop.svc', 'web.example.com']);
    assert.deepEqual(spec.uris, ['spiffe://cluster.local/ns/shop/sa/web', 'node:node-1']);
    assert.deepEqual(
      spec.subject.map((rdn) => rdn.map(({ value }) => value)),
      [['shop', 'web-0'], ['1f0e9a52-8d5c-4a55-9b3c-d7c0ffee0001']],
    );
    assert.equal(parse({ 'literal-subject': 'CN=$POD_NAME' }).subject[0]?.[0]?.value, 'web-0');
    assert.deepEqual(parse({ 'dns-names': 'a', 'common-name': '${}' }).subject, []);
  });

  test('keeps a dollar in attributes without variables', () => {
    assert.equal(parse({ serialnumber: '$POD_NAME' }).subject[0]?.[0]?.value, '$POD_NAME');
    assert.equal(parse({ 'issuer-name': 'a$b' }).issuer.name, 'a$b');
  });

  test('rejects an undefined variable', () => {
    const known = 'known variables: [NODE_NAME POD_NAME POD_NAMESPACE POD_UID SERVICE_ACCOUNT_NAME]';
    refuses({ 'dns-names': '$Foo' }, `dns-names: Invalid value: "$Foo": undefined variable "Foo", ${known}`);
  });

  test("orders the subject's attributes as Go does, one relative name each", () => {
    const spec = parse({
      'common-name': 'cn',
      organizations: 'o1,"o, 2"',
      organizationalunits: 'ou',
      countries: 'DE',
      provinces: 'st',
      localities: 'l',
      streetaddresses: 'street',
      postalcodes: '53111',
      serialnumber: '42',
    });
    assert.deepEqual(
      spec.subject.map((rdn) => rdn.map(({ oid, value }) => `${oid}=${value}`).join('+')),
      [
        '2.5.4.6=DE',
        '2.5.4.8=st',
        '2.5.4.7=l',
        '2.5.4.9=street',
        '2.5.4.17=53111',
        '2.5.4.10=o1+2.5.4.10=o, 2',
        '2.5.4.11=ou',
        '2.5.4.3=cn',
        '2.5.4.5=42',
      ],
    );
  });

  test('rejects a literal subject together with other attributes of the subject', () => {
    refuses(
      { 'literal-subject': 'CN=web', 'common-name': 'web', serialnumber: '1' },
      'literal-subject: Invalid value: "CN=web": excludes common-name, serialnumber',
    );
  });

  test('trims names and drops empty ones', () => {
    const spec = parse({
      'dns-names': ' a , *.b.example ,,c,',
      'uri-sans': '\n urn:uuid:1 ',
      'ip-sans': '10.0.0.1, ::1',
    });
    assert.deepEqual(spec.dnsNames, ['a', '*.b.example', 'c']);
    assert.deepEqual(spec.uris, ['urn:uuid:1']);
    assert.deepEqual(spec.ipAddresses, ['10.0.0.1', '::1']);
  });

  test('encodes addresses and URIs as Go does', () => {
    assert.deepEqual(parse({ 'ip-sans': '2001:DB8:0:0::1,::ffff:10.1.2.3' }).ipAddresses, ['2001:db8::1', '10.1.2.3']);
    assert.deepEqual(parse({ 'uri-sans': 'spiffe://td/a b,https://u@h:8443/ü?q#f' }).uris, [
      'spiffe://td/a%20b',
      'https://u@h:8443/%C3%BC?q#f',
    ]);
  });

  test('reads durations, however short', () => {
    const spec = parse({ 'dns-names': 'a', duration: '10s', 'renew-before': '2.5s' });
    assert.deepEqual([spec.durationMs, spec.renewBeforeMs, spec.warnings], [10_000, 2_500, []]);
    assert.equal(parse({ duration: '1µs' }).durationMs, 0.001);
  });

  test('ignores an invalid renew-before, with a warning', () => {
    const negative = parse({ 'dns-names': 'a', 'renew-before': '-1h' });
    assert.equal(negative.renewBeforeMs, undefined);
    assert.deepEqual(negative.warnings, ['csi.cert-manager.io/renew-before: is ignored, it is not greater than 0']);
    const long = parse({ 'dns-names': 'a', duration: '1h', 'renew-before': '1h' });
    assert.deepEqual(long.warnings, [
      'csi.cert-manager.io/renew-before: is not shorter than the duration, so it will be ignored',
    ]);
  });

  test('reads key usages, each once', () => {
    const usages = parse({ 'key-usages': 'server auth, client auth,server auth,s/mime' }).keyUsages;
    assert.deepEqual(usages, ['server auth', 'client auth', 's/mime']);
  });

  test('chooses size and encoding by the algorithm, in any case', () => {
    const key = (ours: Record<string, string>): string => {
      const { algorithm, size, encoding } = parse(ours).key;
      return `${algorithm} ${size} ${encoding}`;
    };
    assert.equal(key({ 'key-algorithm': 'rsa', 'key-size': '3072', 'key-encoding': 'pkcs8' }), 'RSA 3072 PKCS8');
    assert.equal(key({ 'key-size': '8192' }), 'RSA 8192 PKCS1');
    assert.equal(key({ 'key-algorithm': 'ecdsa' }), 'ECDSA 256 PKCS8');
    assert.equal(key({ 'key-algorithm': 'ECDSA', 'key-size': '521' }), 'ECDSA 521 PKCS8');
    assert.equal(key({ 'key-algorithm': 'ed25519' }), 'Ed25519 256 PKCS8');
  });

  test('rejects a size for Ed25519, as csi-driver does', () => {
    for (const size of ['1', '256', '2048', '-1']) {
      const attributes = { 'dns-names': 'a', 'key-algorithm': 'Ed25519', 'key-size': size };
      assert.throws(() => parse(attributes), /key-size: Invalid value: .*must not be set for an Ed25519 key/);
    }
  });

  test("prefers the fs-group attribute to the pod's fsGroup", () => {
    assert.equal(parse({}, '2000').fsGroup, 2000);
    assert.equal(parse({ 'fs-group': '4294967295' }, '2000').fsGroup, 4_294_967_295);
    assert.equal(parse({}, '0').fsGroup, undefined);
    assert.throws(() => parse({}, 'wheel'), /volume_mount_group "wheel" is not a group id$/);
  });

  test('reads the name of the combined file of key and chain', () => {
    assert.equal(parse({ 'combined-pem-file': 'all.pem' }).files.combinedPem, 'all.pem');
    assert.equal(parse({ 'combined-pem-file': '' }).files.combinedPem, undefined);
  });

  test('ignores the file name of a disabled keystore in the check for duplicates', () => {
    assert.equal(parse({ 'combined-pem-file': 'keystore.p12' }).files.combinedPem, 'keystore.p12');
  });

  test('reads owner and modes of the files', () => {
    const access = (ours: Record<string, string>): unknown[] => {
      const { fsUser, fsGroup, fileMode, privateFileMode, warnings } = parse({ 'dns-names': 'a', ...ours });
      assert.deepEqual(warnings, []);
      return [fsUser, fsGroup, fileMode, privateFileMode];
    };
    assert.deepEqual(access({}), [undefined, undefined, 0o440, 0o440]);
    assert.deepEqual(access({ 'fs-user': '999', 'default-mode': '0400' }), [999, undefined, 0o400, 0o400]);
    assert.deepEqual(access({ 'default-mode': '0o644', 'privatekey-mode': '0640' }), [
      undefined,
      undefined,
      0o644,
      0o640,
    ]);
    assert.deepEqual(access({ 'fs-user': '0', 'fs-group': '5' }), [0, 5, 0o440, 0o440]);
  });

  test('warns of files that only root can read', () => {
    const warnings = (ours: Record<string, string>): number => parse({ 'dns-names': 'a', ...ours }).warnings.length;
    assert.equal(warnings({ 'default-mode': '0400' }), 1);
    assert.equal(warnings({ 'default-mode': '0444', 'privatekey-mode': '0600', 'fs-user': '0' }), 1);
    assert.equal(warnings({ 'default-mode': '0444', 'privatekey-mode': '0600', 'fs-user': '70' }), 0);
  });

  test('makes annotations of attributes of other groups', () => {
    const spec = parseVolumeSpec(
      {
        ...podInfo,
        'csi.cert-manager.io/issuer-name': 'ca',
        'example.com/owner': 'team a',
        'Example.com/Empty': '',
        'csi.storage.k8s.io/serviceAccount.tokens': 'never',
      },
      { nodeName: 'node-1', defaultDurationMs: hour, volumeMountGroup: '' },
    );
    assert.deepEqual(spec.annotations, { 'example.com/owner': 'team a', 'Example.com/Empty': '' });
    assert.equal(spec.durationMs, hour);
  });

  test('warns of unknown attributes, with the nearest name and without the value', () => {
    const spec = parse({ 'dns-names': 'a', 'dns-name': 'b', 'pkcs12-pasword': 'hunter2', frobnicate: 'x' });
    assert.deepEqual(spec.warnings, [
      'unknown attribute "csi.cert-manager.io/dns-name" is ignored, did you mean "csi.cert-manager.io/dns-names"?',
      'unknown attribute "csi.cert-manager.io/pkcs12-pasword" is ignored, did you mean "csi.cert-manager.io/pkcs12-password"?',
      'unknown attribute "csi.cert-manager.io/frobnicate" is ignored',
    ]);
  });

  test('warns of what some issuers refuse, and of attributes without effect', () => {
    const warnings = (ours: Record<string, string>): string[] =>
      parse(ours).warnings.map((warning) => warning.replace('csi.cert-manager.io/', ''));
    assert.deepEqual(warnings({}), [
      'dns-names: the certificate has neither subject nor names, many issuers refuse that',
    ]);
    assert.deepEqual(warnings({ 'dns-names': 'a!b' }), ['dns-names: "a!b" is not a host name, issuers may refuse it']);
    assert.deepEqual(warnings({ countries: 'DEU' }), [
      'countries: "DEU" is not a two-letter country code, issuers may refuse it',
    ]);
    assert.deepEqual(warnings({ organizations: 'a, b' }), [
      'organizations: " b" is empty or has spaces around it, they become part of the subject',
    ]);
    assert.deepEqual(warnings({ 'common-name': 'x'.repeat(65) }), [
      'common-name: is longer than 64 characters, issuers may refuse it',
    ]);
    assert.deepEqual(warnings({ 'dns-names': 'a', 'keystore-pkcs12-password': 'hunter2' }), [
      'keystore-pkcs12-password: is ignored, pkcs12-enable is not true',
    ]);
    assert.deepEqual(warnings({ 'dns-names': 'a', 'pkcs12-password-file': 'tls.key' }), [
      'pkcs12-password-file: is ignored, pkcs12-enable is not true',
    ]);
  });

  test('limits the number of warnings', () => {
    assert.equal(parse({ 'dns-names': 'a!,'.repeat(900) }).warnings.length, 32);
  });

  test('reads where the pod serves the certificate', () => {
    assert.equal(parse({ 'dns-names': 'web' }).probe, undefined);
    assert.deepEqual(parse({ 'probe-port': '8443' }).probe, { port: 8443, serverName: undefined });
    const named = parse({ 'probe-port': '8443', 'probe-server-name': '${POD_NAME}.web.svc' });
    assert.deepEqual(named.probe, { port: 8443, serverName: 'web-0.web.svc' });
  });

  test('refuses a port or server name that no probe could use', () => {
    for (const port of ['0', '65536', '-1'])
      refuses({ 'probe-port': port }, `probe-port: Invalid value: "${port}": must be a TCP port from 1 to 65535`);
    refuses({ 'probe-port': 'https' }, 'probe-port: Invalid value: "https": must be an integer');
    for (const name of ['10.0.0.1', '::1', '*.web', 'web.', 'a b', `${'a'.repeat(64)}.web`]) {
      const why = 'must be a DNS name without a wildcard and without a dot at its end';
      refuses(
        { 'probe-port': '8443', 'probe-server-name': name },
        `probe-server-name: Invalid value: "${name}": ${why}`,
      );
    }
  });

  test('warns about a port if the agent makes no probes', () => {
    const attributes = { 'csi.cert-manager.io/issuer-name': 'ca', 'csi.cert-manager.io/dns-names': 'web' };
    const { probe, warnings } = parseVolumeSpec(
      { ...podInfo, ...attributes, 'csi.cert-manager.io/probe-port': '8443' },
      { nodeName: 'node-1', defaultDurationMs: hour, volumeMountGroup: '', areProbesOff: true },
    );
    assert.equal(probe, undefined);
    const why = 'is ignored, the agent makes no probes (chart: app.driver.probe.enabled)';
    assert.deepEqual(warnings, [`csi.cert-manager.io/probe-port: ${why}`]);
  });

  test('warns about a server name without a port', () => {
    const { probe, warnings } = parse({ 'dns-names': 'web', 'probe-server-name': 'web' });
    assert.equal(probe, undefined);
    assert.deepEqual(warnings, ['csi.cert-manager.io/probe-server-name: is ignored, probe-port is not set']);
  });

  test('reads the sources of additional trust', () => {
    assert.deepEqual(parse({ 'dns-names': 'web' }).trust, []);
    const both = { 'trust-configmap-name': 'roots', 'trust-cluster-bundle-name': 'example.com:signer:v1' };
    assert.deepEqual(parse(both).trust, [
      { kind: 'ConfigMap', name: 'roots', key: 'ca.crt' },
      { kind: 'ClusterTrustBundle', name: 'example.com:signer:v1' },
    ]);
    const keyed = parse({ 'trust-configmap-name': 'my.roots', 'trust-configmap-key': 'bundle.pem' });
    assert.deepEqual(keyed.trust, [{ kind: 'ConfigMap', name: 'my.roots', key: 'bundle.pem' }]);
    const warning = 'csi.cert-manager.io/trust-configmap-key: is ignored, trust-configmap-name is not set';
    assert.deepEqual(parse({ 'dns-names': 'web', 'trust-configmap-key': 'a' }).warnings, [warning]);
  });

  test('refuses names of sources that the API does not allow', () => {
    for (const name of ['Roots', 'a/b', '..', '-a', 'a'.repeat(254)]) {
      for (const attribute of ['trust-configmap-name', 'trust-cluster-bundle-name'])
        assert.throws(() => parse({ [attribute]: name }), { code: 'invalid-argument' }, `${attribute} ${name}`);
    }
    assert.throws(() => parse({ 'trust-configmap-name': 'a', 'trust-configmap-key': 'a/b' }), /must be a key/);
  });

  test('refuses a source if the agent reads none, but not for an existing volume', () => {
    const raw = { ...podInfo, 'csi.cert-manager.io/issuer-name': 'ca', 'csi.cert-manager.io/dns-names': 'web' };
    const attributes = { ...raw, 'csi.cert-manager.io/trust-configmap-name': 'roots' };
    const options = { nodeName: 'node-1', defaultDurationMs: hour, volumeMountGroup: '', areTrustSourcesOff: true };
    assert.throws(() => parseVolumeSpec(attributes, options), /app\.driver\.additionalTrust\.enabled/);
    const existing = parseVolumeSpec(attributes, { ...options, lenient: true });
    assert.deepEqual(existing.trust, []);
    assert.equal(existing.warnings.length, 1);
  });

  test('reads the signal after a renewal and the containers that get it', () => {
    assert.deepEqual(parse({ 'reload-signal': 'sighup' }).reload, { signal: 'SIGHUP', containers: [] });
    const some = parse({ 'reload-signal': 'SIGUSR2', 'reload-containers': 'web, side-car' });
    assert.deepEqual(some.reload, { signal: 'SIGUSR2', containers: ['web', 'side-car'] });
    const warning = 'csi.cert-manager.io/reload-containers: is ignored, reload-signal is not set';
    assert.deepEqual(parse({ 'dns-names': 'web', 'reload-containers': 'web' }).warnings, [warning]);
  });

  test('refuses a signal if the agent sends none, but not for an existing volume', () => {
    const raw = { ...podInfo, 'csi.cert-manager.io/issuer-name': 'ca', 'csi.cert-manager.io/dns-names': 'web' };
    const attributes = { ...raw, 'csi.cert-manager.io/reload-signal': 'SIGHUP' };
    const options = { nodeName: 'node-1', defaultDurationMs: hour, volumeMountGroup: '', areSignalsOff: true };
    assert.throws(() => parseVolumeSpec(attributes, options), /app\.driver\.reloadSignals\.enabled/);
    const existing = parseVolumeSpec(attributes, { ...options, lenient: true });
    assert.equal(existing.reload, undefined);
    assert.equal(existing.warnings.length, 1);
  });

  test('reads whether the workload is rolled, which excludes signals and addresses of the pod', () => {
    assert.equal(parse({ 'reload-rollout': 'true' }).rollsWorkload, true);
    assert.equal(parse({ 'reload-rollout': 'false', 'reload-signal': 'SIGHUP' }).rollsWorkload, false);
    const raw = { ...podInfo, 'csi.cert-manager.io/issuer-name': 'ca', 'csi.cert-manager.io/dns-names': 'web' };
    const attributes = { ...raw, 'csi.cert-manager.io/reload-rollout': 'true' };
    const options = { nodeName: 'node-1', defaultDurationMs: hour, volumeMountGroup: '' };
    assert.throws(
      () => parseVolumeSpec(attributes, { ...options, areRolloutsOff: true }),
      /controller\.rollouts\.enabled/,
    );
    const existing = parseVolumeSpec(attributes, { ...options, areRolloutsOff: true, lenient: true });
    assert.deepEqual([existing.rollsWorkload, existing.warnings.length], [false, 1]);
    const addressed = { ...attributes, 'csi.cert-manager.io/ip-sans': '$POD_IP' };
    const podVariables = { labels: [], annotations: [] };
    assert.throws(
      () => parseVolumeSpec(addressed, { ...options, podVariables }),
      /excludes variables of the addresses/,
    );
  });
});
