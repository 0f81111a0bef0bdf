// Attributes with the parser's answer, for the tests of the parser and of the admission policies.
import { attributeGroup } from '../attributes.ts';

type Attributes = Readonly<Record<string, string>>;

/** Attributes that are refused, by their names without the group. The issuer's name is not among them. */
interface RefusedVector {
  readonly attributes: Attributes;
  /** The whole message. */
  readonly problem: string;
}

/** The attributes under their keys. */
export function withGroup(attributes: Attributes): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`${attributeGroup}/${name}`, value]));
}

const oversized = 'x'.repeat(254);
const duration = 'must be a Go duration such as "1h30m", "90s" or "1.5h"';
const control = 'must not contain control characters, not even a line break at its end';
const usages = 'is not a key usage';
const modes = 'must be octal permission bits with a leading 0, from "0000" to "0777", such as "0400"';
const container = 'must be the name of a container: at most 63 lower-case letters, digits and "-"';
const keystore = { 'pkcs12-enable': 'true', 'pkcs12-password': 'hunter2' };

/** Attribute, value, the text after the value, and other attributes. */
const rows: readonly (readonly [name: string, value: string, why: string, others?: Record<string, string>])[] = [
  ['issuer-name', oversized, 'must be at most 253 characters long'],
  ['issuer-kind', 'a\n', control],
  ['issuer-group', 'a\0', control],
  ['common-name', 'a\nb', control],
  ['serialnumber', '\t', control],
  ['literal-subject', 'web', 'expected a distinguished name by RFC 4514 such as "CN=web,O=acme": a part without "="'],
  ['organizations', '"a', 'expected a line of comma separated values: a quote is not closed'],
  ['postalcodes', 'a\nb', 'expected a line of comma separated values: there is more than one line'],
  ['countries', '"a\nb"', 'values must not contain control characters'],
  ['dns-names', 'a,ü.example', '"ü.example" must be ASCII without spaces (use the xn-- form for other letters)'],
  ['dns-names', 'a b', '"a b" must be ASCII without spaces (use the xn-- form for other letters)'],
  ['uri-sans', 'web', '"web" must be a URI with a scheme, such as spiffe://cluster.local/ns/web'],
  ['uri-sans', 'urn:', '"urn:" must not be a scheme alone'],
  ['uri-sans', 'spiffe://', '"spiffe://" must not be a scheme alone'],
  ['uri-sans', 'urn:a\0b', '"urn:a\\u0000b" must not contain control characters'],
  ['uri-sans', 'urn:a%2', '"urn:a%2" must have two hex digits after each "%"'],
  ['uri-sans', 'https://a b/', '"https://a b/" must have a valid host after "//"'],
  ['uri-sans', 'https://a:x/', '"https://a:x/" must have a valid host after "//"'],
  ['ip-sans', '10.0.0.256', '"10.0.0.256" must be an IPv4 or IPv6 address'],
  ['ip-sans', '010.0.0.1', '"010.0.0.1" must be an IPv4 or IPv6 address'],
  ['ip-sans', 'fe80::1%eth0', '"fe80::1%eth0" must be an IPv4 or IPv6 address'],
  ['ip-sans', 'a,::1,b', '"a" must be an IPv4 or IPv6 address; "b" must be an IPv4 or IPv6 address'],
  ['duration', '30d', duration],
  ['duration', '720', duration],
  ['duration', '0s', 'must be greater than 0'],
  ['duration', '-1h', 'must be greater than 0'],
  ['renew-before', 'soon', duration],
  ['is-ca', 'yes', 'must be true or false'],
  ['is-ca', 'True', 'must be true or false'],
  ['reuse-private-key', '1', 'must be true or false'],
  ['key-usages', 'server auth,Client Auth', `"Client Auth" ${usages}, did you mean "client auth"?`],
  ['key-usages', 'frobnicate', `"frobnicate" ${usages}`],
  ['key-usages', ',', 'must name at least one key usage'],
  ['key-algorithm', 'DSA', 'must be one of RSA, ECDSA, Ed25519'],
  ['key-size', '2047', 'must be from 2048 to 8192 for an RSA key'],
  ['key-size', '8193', 'must be from 2048 to 8192 for an RSA key'],
  ['key-size', '256', 'must be from 2048 to 8192 for an RSA key'],
  ['key-size', '2048', 'must be 256, 384 or 521 for an ECDSA key', { 'key-algorithm': 'ECDSA' }],
  ['key-size', '2048.0', 'must be an integer'],
  ['key-size', '0x800', 'must be an integer'],
  ['key-encoding', 'DER', 'must be one of PKCS1, PKCS8'],
  ['key-encoding', 'PKCS1', 'must be PKCS8 for an ECDSA key, PKCS1 is for RSA only', { 'key-algorithm': 'ecdsa' }],
  ['key-encoding', 'pkcs1', 'must be PKCS8 for an Ed25519 key, PKCS1 is for RSA only', { 'key-algorithm': 'ed25519' }],
  ['certificate-file', 'a/b', 'a file name must not contain "/"'],
  ['certificate-file', '/etc/passwd', 'a file name must not contain "/"'],
  ['ca-file', '..', 'a file name must not be "." nor begin with ".."'],
  ['ca-file', '..data', 'a file name must not be "." nor begin with ".."'],
  ['ca-file', '.', 'a file name must not be "." nor begin with ".."'],
  ['privatekey-file', ' key', 'a file name must not begin or end with a space'],
  ['privatekey-file', 'key ', 'a file name must not begin or end with a space'],
  ['privatekey-file', 'a\0b', 'a file name must not contain control characters'],
  ['certificate-file', 'ü'.repeat(128), 'a file name must be at most 255 bytes long'],
  ['pkcs12-filename', '../k', 'a file name must not contain "/"'],
  ['certificate-file', 'ca.crt', 'file names must differ, ca-file is "ca.crt" too'],
  ['privatekey-file', 'tls.crt', 'file names must differ, certificate-file is "tls.crt" too'],
  ['pkcs12-filename', 'tls.key', 'file names must differ, privatekey-file is "tls.key" too', keystore],
  ['combined-pem-file', '..data', 'a file name must not be "." nor begin with ".."'],
  ['combined-pem-file', 'tls.crt', 'file names must differ, certificate-file is "tls.crt" too'],
  ['combined-pem-file', 'keystore.p12', 'file names must differ, pkcs12-filename is "keystore.p12" too', keystore],
  ['pkcs12-password-file', 'a/b', 'a file name must not contain "/"', { 'pkcs12-enable': 'true' }],
  [
    'pkcs12-password-file',
    'keystore.p12',
    'file names must differ, pkcs12-filename is "keystore.p12" too',
    { 'pkcs12-enable': 'true' },
  ],
  ...[keystore, { 'keystore-pkcs12-password': 'hunter2' }].map(
    (others) =>
      [
        'pkcs12-password-file',
        'keystore.pass',
        'excludes pkcs12-password: the node generates the password in this file',
        others,
      ] as const,
  ),
  ...['SIGKILL', 'SIGTERM', '9', 'HUP'].map(
    (signal) => ['reload-signal', signal, 'must be one of SIGHUP, SIGUSR1, SIGUSR2'] as const,
  ),
  ['reload-containers', 'Web', `"Web" ${container}`],
  ['reload-containers', 'web,a/b,x', `"a/b" ${container}`],
  ['reload-rollout', 'yes', 'must be true or false'],
  ['reload-rollout', 'true', 'excludes reload-signal', { 'reload-signal': 'SIGHUP' }],
  ['fs-group', '0', 'must be a group id from 1 to 4294967295'],
  ['fs-group', '4294967296', 'must be a group id from 1 to 4294967295'],
  ['fs-group', '-1', 'must be a group id from 1 to 4294967295'],
  ['fs-group', 'staff', 'must be an integer'],
  ['fs-user', '-1', 'must be a user id from 0 to 4294967294'],
  ['fs-user', '4294967295', 'must be a user id from 0 to 4294967294'],
  ['fs-user', 'postgres', 'must be an integer'],
  ...['440', '0x1f', '0888', '01000', '-0400', '0o', 'u=rw'].map((mode) => ['default-mode', mode, modes] as const),
  ['privatekey-mode', '256', modes],
  ['pkcs12-enable', 'on', 'must be true or false'],
  ['keystore-pkcs12-enable', 'on', 'must be true or false'],
  ['pkcs12-profile', 'old', 'must be one of Modern2023, LegacyDES, LegacyRC2'],
  [
    'pkcs12-filename',
    'a.p12',
    'csi.cert-manager.io/keystore-pkcs12-filename has a different value; set one of the two',
    { 'keystore-pkcs12-filename': 'b.p12' },
  ],
];

/** The value as an error shows it: quotes and control characters escaped, truncated after 128 characters. */
function shown(value: string): string {
  if (value.length > 128) return `${value.slice(0, 128)}…`;
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return value.replaceAll('"', '\\"').replace(/[\0\n\t]/g, escape);
}

/** Each wrong value of an attribute. */
export const refusedVectors: readonly RefusedVector[] = rows.map(([name, value, why, others = {}]) => ({
  attributes: { ...others, [name]: value },
  problem: `volumeAttributes.${attributeGroup}/${name}: Invalid value: "${shown(value)}": ${why}`,
}));

const fileNames = ['x', '.x', 'a..b', 'ü'.repeat(127), 'tls crt', 'TLS.CRT', '-', '~', 'a\\b'];
const goodDurations = ['10s', '2.5s', '1µs', '1μs', '+1h', '.5h', '1.h', '1h30m', '90s', '1h1h', '0h1ns', '2562047h'];
const goodModes = ['0000', '0777', '0o644', '0400', '00', '0o0640', '0644'];
const jks = { 'jks-enable': 'true', 'jks-password': 'hunter2' };

/** Attributes that are accepted, though some of them with a warning. */
export const acceptedVectors: readonly Attributes[] = [
  {},
  { 'issuer-kind': 'ClusterIssuer', 'issuer-group': 'awspca.cert-manager.io' },
  ...['literal-subject', 'common-name', 'organizations', 'dns-names', 'uri-sans', 'probe-server-name'].map((name) => ({
    [name]: '',
  })),
  { 'literal-subject': 'CN=$POD_NAME,O=\\2c' },
  { 'common-name': '${POD_NAME}', organizations: 'o1,"o, 2"', serialnumber: '$POD_NAME' },
  { 'common-name': 'x'.repeat(1024), countries: 'DEU' },
  { 'dns-names': ' a , *.b.example ,,c,', 'uri-sans': '\n urn:uuid:1 ', 'ip-sans': '10.0.0.1, ::1' },
  { 'dns-names': '\ufeffa,\u00a0b\u3000,\u2028c', 'ip-sans': '\ufeff10.0.0.1' },
  { 'dns-names': '$POD_NAME.$POD_NAMESPACE.svc, ${SERVICE_ACCOUNT_NAME}.example.com,a!b_' },
  { 'ip-sans': '2001:DB8:0:0::1,::ffff:10.1.2.3,255.255.255.255,0.0.0.0,::' },
  { 'uri-sans': 'spiffe://td/a b,https://u@h:8443/ü?q#f,urn:a%20b,a:///,a:b,x://?' },
  ...goodDurations.map((duration) => ({ duration })),
  ...[...goodDurations, '0', '-1h', '0s', '-0'].map((duration) => ({ 'renew-before': duration })),
  { 'key-usages': 'server auth, client auth,server auth,s/mime,' },
  ...['rsa', 'RSA', 'Ecdsa', 'ED25519'].map((algorithm) => ({ 'key-algorithm': algorithm, 'key-encoding': 'pkcs8' })),
  ...['2048', '+4096', '8192', '0000000000000002048'].map((size) => ({ 'key-size': size, 'key-encoding': 'PKCS1' })),
  ...['256', '384', '521'].map((size) => ({ 'key-algorithm': 'ecdsa', 'key-size': size })),
  ...fileNames.map((name) => ({ 'certificate-file': name, 'combined-pem-file': `${name.slice(0, 100)}.pem` })),
  { 'certificate-file': 'ca.crt', 'ca-file': 'tls.crt' },
  { 'combined-pem-file': 'keystore.p12', 'reload-marker-file': 'truststore.jks' },
  { 'pkcs12-password-file': 'tls.key', 'pkcs12-profile': 'LEGACY' },
  ...goodModes.map((mode) => ({ 'default-mode': mode, 'privatekey-mode': mode })),
  { 'fs-group': '4294967295', 'fs-user': '0' },
  { 'fs-group': '+1', 'fs-user': '4294967294' },
  { 'probe-port': '65535', 'probe-server-name': 'web_1.example' },
  { 'probe-server-name': '$POD_NAME.web' },
  { 'reload-rollout': 'true' },
  { 'reload-signal': 'sigusr1', 'reload-containers': ' web ,,side-car' },
  { ...keystore, 'keystore-pkcs12-enable': 'true', 'pkcs12-alias': 'Web server', 'pkcs12-truststore-enable': 'true' },
  { 'keystore-pkcs12-enable': 'true', 'keystore-pkcs12-password': 'a b"c', 'keystore-pkcs12-filename': 'k' },
  { ...jks, 'jks-alias': 'ca-x', 'jks-truststore-enable': 'true' },
  { 'jks-alias': 'ca', 'jks-password-file': 'x' },
  { 'jks-truststore-enable': 'true', 'jks-password-file': 'jks.pass', 'jks-filename': 'tls.key' },
];

/** Values that broke similar parsers, or that could. */
export const hostileValues: readonly string[] = [
  ...['', ' ', '\0', '\n', '\r\n', '\ud800', '\ufeff', '\u202e', '../../etc/passwd', '..', '.', '/', '\\'],
  ...['$', '${', '${}', '$$', '$POD_NAME', '${POD_NAME', '$Foo', '${*}', '%', '%00', '%zz', '"', '""', '"""', '","'],
  ...[',', ',,,', '+', ';', '=', '#', '#0c', 'CN=', 'CN=#ff', 'CN=\\', 'CN=\\C3', '=,=', 'CN=a,,O=b', '2.5.4.3=x'],
  ...['true', 'TRUE', '0', '-1', '+5', '1e9', '0x10', 'NaN', 'Infinity', '9'.repeat(400), '1h', '-1ns', '1.h', '292y'],
  ...['::1', '::ffff:1.2.3.4', '1.2.3', 'fe80::1%1', '[::1]', 'a:', 'http://[', 'http://[::1', 'http://a@b@c', 'x:%'],
  ...['__proto__', 'constructor', 'toString', 'a'.repeat(70_000), ' '.repeat(65_536), '\\'.repeat(65_536)],
  ...['"'.repeat(65_535), 'CN=' + ' '.repeat(65_000) + 'a', ','.repeat(65_536), '$'.repeat(65_536), '*.'.repeat(200)],
];
