// Every text is compared with OpenSSL's output for the same certificate.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { certificateText } from './certificate-text.ts';
import {
  buildCertificate,
  der,
  extension,
  nameOf,
  octets,
  oid,
  opensslText,
  sequence,
  set,
  utf8,
} from './testing/build-certificate.ts';
import type { CertificateParts } from './testing/build-certificate.ts';

/** The lines in which the two texts differ. */
function differences(certificate: Buffer): string[] {
  const [ours, theirs] = [certificateText(certificate), opensslText(certificate)].map((text) => text.split('\n'));
  assert.ok(ours !== undefined && theirs !== undefined && theirs.length > 10);
  const lines = Array.from({ length: Math.max(ours.length, theirs.length) }, (_, i) => [ours[i], theirs[i]]);
  return lines
    .filter(([our, their]) => our !== their)
    .map(([our, their]) => `found ${JSON.stringify(our)}, expected ${JSON.stringify(their)}`);
}

function assertAsOpenssl(what: string, certificate: Buffer): void {
  assert.deepEqual({ [what]: differences(certificate) }, { [what]: [] });
}

function assertParts(cases: Readonly<Record<string, CertificateParts>>): void {
  const found = Object.entries(cases).map(([what, parts]) => [what, differences(buildCertificate(parts))] as const);
  assert.deepEqual(Object.fromEntries(found.filter(([, lines]) => lines.length > 0)), {});
}

function opensslRequest(t: TestContext, key: readonly string[], config: string): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'certificate-text-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const [configFile, keyFile, certificate] = ['cnf', 'key', 'crt'].map((name) => join(directory, name));
  assert.ok(configFile !== undefined && keyFile !== undefined && certificate !== undefined);
  const openssl = (...args: readonly string[]): unknown => execFileSync('openssl', args, { stdio: 'pipe' });
  writeFileSync(configFile, `[req]\ndistinguished_name=dn\nprompt=no\nutf8=yes\nstring_mask=utf8only\n${config}`);
  openssl('genpkey', ...key, '-out', keyFile);
  openssl(
    'req',
    '-x509',
    '-key',
    keyFile,
    '-config',
    configFile,
    '-extensions',
    'v3',
    '-days',
    '3',
    '-out',
    certificate,
  );
  return new X509Certificate(readFileSync(certificate)).raw;
}

const leaf = `[dn]\nCN=web.example\n[v3]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment
extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:web.example,IP:10.0.0.1\n`;

const keys: Readonly<Record<string, readonly string[]>> = {
  'RSA 2048': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  'RSA with an exponent of three and an odd length': [
    '-algorithm',
    'RSA',
    '-pkeyopt',
    'rsa_keygen_bits:1030',
    '-pkeyopt',
    'rsa_keygen_pubexp:3',
  ],
  'RSA-PSS': ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'],
  ...Object.fromEntries(
    ['P-256', 'P-384', 'P-521', 'P-224', 'secp256k1', 'brainpoolP384r1'].map((curve) => [
      `EC ${curve}`,
      ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`],
    ]),
  ),
  Ed25519: ['-algorithm', 'ED25519'],
  Ed448: ['-algorithm', 'ED448'],
};

describe('certificateText', () => {
  for (const [kind, key] of Object.entries(keys)) {
    test(`prints a leaf with a key of ${kind} as OpenSSL does`, (t) =>
      assertAsOpenssl(kind, opensslRequest(t, key, leaf)));
  }

  const ec = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];

  test('prints every extension that issuers set as OpenSSL does', (t) => {
    const config = `[dn]
C=DE
O=Foo, Inc
OU=a "quoted" one
CN=Grüße € 𝄞
emailAddress=a@b.c
0.2.999.3.4=an attribute without a name
[v3]
basicConstraints=critical,CA:TRUE,pathlen:3
keyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyAgreement,keyCertSign,cRLSign,encipherOnly,decipherOnly
extendedKeyUsage=serverAuth,clientAuth,codeSigning,emailProtection,timeStamping,OCSPSigning,1.2.3.4,anyExtendedKeyUsage,ipsecEndSystem,ipsecTunnel,ipsecUser,ipsecIKE,msSGC,nsSGC
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid:always,issuer:always
subjectAltName=@san
issuerAltName=DNS:issuer.example
authorityInfoAccess=OCSP;URI:http://ocsp.example/,caIssuers;URI:http://ca.example/ca.crt
subjectInfoAccess=caRepository;URI:http://ca.example/
crlDistributionPoints=URI:http://crl.example/1.crl,cdp
freshestCRL=URI:http://crl.example/delta.crl
certificatePolicies=1.2.3.4,2.23.140.1.2.1,2.5.29.32.0,@policy
nameConstraints=critical,permitted;DNS:.example.com,permitted;IP:10.0.0.0/255.0.0.0,excluded;email:evil.com,excluded;IP:fd00::/ff00::,permitted;dirName:directory,permitted;URI:.x
policyConstraints=requireExplicitPolicy:3,inhibitPolicyMapping:0
inhibitAnyPolicy=2
policyMappings=1.2.3:1.2.4,1.2.5:1.2.6
tlsfeature=status_request,17,99
noCheck=ignored
nsComment=hello
nsCertType=server,client,objCA
1.2.3.4.5.6=DER:0c0568656c6c6f
1.2.3.4.5.7=critical,ASN1:UTF8String:hällo
[cdp]
fullname=URI:http://a/,URI:http://b/,dirName:directory
[directory]
C=UK
O=Org/x+y
CN=Name
[policy]
policyIdentifier=1.3.5.8
CPS.1=http://policy.example/
userNotice.1=@notice
[notice]
explicitText=UTF8:Explicit Text
organization=Org
noticeNumbers=1,2,300
[san]
DNS.1=a.example
DNS.2=*.b.example
IP.1=10.1.2.3
IP.2=fd00::1
URI.1=spiffe://td/x
email.1=x@y.z
RID.1=1.2.3.4
otherName.1=1.2.3.4;UTF8:some other
otherName.2=msUPN;UTF8:user@x
otherName.3=1.3.6.1.5.5.7.8.9;UTF8:mail@x
otherName.4=1.3.6.1.5.5.7.8.7;IA5:_srv.x
otherName.5=1.2.3.4;INTEGER:7
dirName.1=directory
`;
    assertAsOpenssl('every extension', opensslRequest(t, ec, config));
  });

  test('prints a CA certificate without path length, and one of version 1, as OpenSSL does', (t) => {
    assertAsOpenssl(
      'ca',
      opensslRequest(t, ec, '[dn]\nCN=root\n[v3]\nbasicConstraints=CA:TRUE\nkeyUsage=keyCertSign\n'),
    );
    assertParts({
      'version 1': { version: Buffer.alloc(0) },
      'an unknown version': { version: der(0xa0, der(0x02, Buffer.of(7))) },
    });
  });

  test('prints serial numbers of any length and sign as OpenSSL does', () => {
    const serial = (hex: string): CertificateParts => ({ serial: der(0x02, Buffer.from(hex, 'hex')) });
    const hexes = [
      '00',
      '01',
      '7f',
      '0080',
      '80',
      'ff',
      'ff7f',
      '7fffffffffffffff',
      '008000000000000000',
      '00ffffffffffffffff',
    ];
    const more = [
      '8000000000000000',
      'ff7fffffffffffffff',
      '010203040506070809',
      '00f102030405060708090a0b0c0d0e0f1011121314',
      '8102030405060708090a0b0c0d0e0f10',
      'ff00000000000000000000',
    ];
    assertParts(Object.fromEntries([...hexes, ...more].map((hex) => [hex, serial(hex)])));
  });

  test('prints times of every form and century as OpenSSL does', () => {
    const utc = (text: string): CertificateParts => ({ notBefore: der(0x17, Buffer.from(text)) });
    const generalized = (text: string): CertificateParts => ({ notAfter: der(0x18, Buffer.from(text)) });
    assertParts({
      'the last of 2049': utc('491231235959Z'),
      'the first of 1950': utc('500101000000Z'),
      'a leap day': utc('240229120000Z'),
      'without seconds': utc('2601010000Z'),
      'with an offset': utc('260101000000+0130'),
      'the year 9999': generalized('99991231235959Z'),
      'the year 1899': generalized('18990101000000Z'),
      'the year 1': generalized('00010101000000Z'),
      'an offset backwards over the year': utc('261231235959-1159'),
      'with a fraction': generalized('20260101000000.25Z'),
    });
    for (const odd of ['260231000000Z', '261301000000Z', '260101250000Z', '2601Z', 'hello', '']) {
      assert.match(certificateText(buildCertificate(utc(odd))), /Not Before: Bad time value\n.*Not After : Jan {2}1 /);
    }
  });

  test('prints multi-valued names, all string types and escaped characters as OpenSSL does', () => {
    const common = (value: Buffer): CertificateParts => ({ subject: nameOf(['2.5.4.3', value]) });
    const text = (value: string): CertificateParts => common(utf8(value));
    const attribute = (type: string, value: string): Buffer => sequence(oid(type), utf8(value));
    const texts = [
      '',
      ' ',
      ' a',
      'a ',
      '#a',
      'a#',
      'a,b',
      'a+b',
      'a;b',
      '<a>',
      'a=b',
      'a"b',
      'a\\b',
      'a/b',
      'a\nb\u0000c\u007f',
      'ü',
      '漢字',
      '"',
    ];
    assertParts({
      empty: { subject: sequence() },
      'several values': {
        subject: sequence(
          set(attribute('2.5.4.3', 'a'), attribute('2.5.4.10', 'b, c')),
          set(attribute('2.5.4.11', 'd')),
        ),
      },
      ...Object.fromEntries(texts.map((value) => [JSON.stringify(value), text(value)])),
      BMPString: common(der(0x1e, Buffer.from([0x00, 0x61, 0x6f, 0x22, 0x00, 0x2c]))),
      UniversalString: common(der(0x1c, Buffer.from([0, 0, 0, 0x61, 0, 1, 0xd1, 0x1e]))),
      T61String: common(der(0x14, Buffer.from([0x61, 0xe4]))),
      IA5String: common(der(0x16, Buffer.from('a@b'))),
      PrintableString: common(der(0x13, Buffer.from('plain'))),
      NumericString: common(der(0x12, Buffer.from('123'))),
      'a bit string': common(der(0x03, Buffer.of(0, 1, 2))),
      'a sequence': common(sequence(utf8('x'))),
      ...Object.fromEntries(
        [
          '2.5.4.4',
          '2.5.4.5',
          '2.5.4.9',
          '2.5.4.17',
          '2.5.4.42',
          '2.5.4.97',
          '0.9.2342.19200300.100.1.1',
          '0.9.2342.19200300.100.1.25',
          '1.3.6.1.4.1.311.60.2.1.3',
          '2.999.1',
          '1.2.840.113549.1.9.2',
        ].map((type) => [type, { subject: nameOf([type, utf8('x')]) }]),
      ),
    });
  });

  test('prints edge cases of extensions as OpenSSL does', () => {
    const one = (type: string, value: Uint8Array, isCritical = false): CertificateParts => ({
      extensions: [extension(type, value, isCritical)],
    });
    const san = (...names: readonly Buffer[]): CertificateParts => one('2.5.29.17', sequence(...names));
    const long = Buffer.alloc(200, 0x61);
    const bits = (...content: readonly number[]): Buffer => der(0x03, Buffer.from(content));
    const timestamp = Buffer.concat([
      Buffer.of(0),
      Buffer.alloc(32, 0xab),
      Buffer.from('0000018f0a1b2c3d', 'hex'),
      Buffer.from([0, 0, 4, 3, 0, 20]),
      Buffer.alloc(20, 0x5a),
    ]);
    const withLength = (bytes: Buffer): Buffer =>
      Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
    const timestamps = octets(withLength(Buffer.concat([withLength(timestamp), withLength(timestamp)])));
    assertParts({
      'no extension': { extensions: [] },
      'an empty alternative name': san(),
      'an IPv6 address that maps IPv4': san(der(0x87, Buffer.from('00000000000000000000ffff0a000001', 'hex'))),
      'an address of invalid length': san(der(0x87, Buffer.alloc(5))),
      'a name with a NUL byte': san(der(0x82, Buffer.from('good.example\0.evil.example'))),
      'a comma in a name': san(der(0x82, Buffer.from('a, DNS:b'))),
      'a long directory name': san(
        der(0xa4, nameOf(['2.5.4.3', utf8(long.toString())], ['2.5.4.10', utf8(long.toString())])),
      ),
      'a directory name of several values': san(
        der(0xa4, sequence(set(sequence(oid('2.5.4.3'), utf8('a/b')), sequence(oid('2.5.4.10'), utf8('c+d'))))),
      ),
      'an X.400 address': san(der(0xa3, sequence())),
      'an empty key usage': one('2.5.29.15', bits(0)),
      'a key usage of nine bits': one('2.5.29.15', bits(7, 0, 0x80), true),
      'an empty extended key usage': one('2.5.29.37', sequence()),
      'a path length without a CA': one('2.5.29.19', sequence(der(0x02, Buffer.of(1)))),
      'a long path length': one('2.5.29.19', sequence(der(0x01, Buffer.of(0xff)), der(0x02, Buffer.alloc(20, 1)))),
      'a malformed constraint': one('2.5.29.19', Buffer.from('hello\n\u00ff')),
      'a malformed key identifier': one('2.5.29.14', utf8('x')),
      'an empty authority key identifier': one('2.5.29.35', sequence()),
      'an authority key identifier by serial': one(
        '2.5.29.35',
        sequence(der(0xa1, der(0x82, Buffer.from('x'))), der(0x82, Buffer.of(1, 2))),
      ),
      'a constraint without a mask': one('2.5.29.30', sequence(der(0xa0, sequence(der(0x87, Buffer.alloc(4)))))),
      'a policy with an unknown qualifier': one(
        '2.5.29.32',
        sequence(sequence(oid('1.2.3'), sequence(sequence(oid('1.2.4'), utf8('x'))))),
      ),
      'signed timestamps': one('1.3.6.1.4.1.11129.2.4.2', timestamps),
      'an unknown extension': one('1.2.3.4', Buffer.from('a\nb\rc\u0000~\u007f', 'latin1')),
      'the poison of a precertificate': one('1.3.6.1.4.1.11129.2.4.3', Buffer.of(5, 0), true),
      'unique ids': {
        trailing: [der(0x81, Buffer.of(0, 1, 2)), der(0x82, Buffer.of(0, ...Array<number>(20).fill(7)))],
      },
    });
  });

  test('prints the readable parts of unusable keys', () => {
    const keyInfo = (algorithm: Buffer, key: Buffer): Buffer => sequence(algorithm, der(0x03, Buffer.of(0), key));
    const curve = sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7'));
    for (const info of [
      keyInfo(curve, Buffer.alloc(65, 4)),
      keyInfo(sequence(oid('1.2.3')), Buffer.alloc(3)),
      keyInfo(curve, Buffer.alloc(0)),
    ]) {
      const certificate = buildCertificate({ keyInfo: info });
      // OpenSSL adds its own error, which contains numbers of its process.
      const expected = opensslText(certificate).replace(/^[0-9A-F]+:error:.*\n/gm, '');
      assert.equal(certificateText(certificate), expected);
      assert.match(expected, /Unable to load Public Key/);
    }
  });

  test('prints every part of a distribution point on its own lines, where OpenSSL joins or splits them', (t) => {
    const config = `[dn]
CN=x
[v3]
crlDistributionPoints=reasons,issuer,relative
[reasons]
fullname=URI:http://a/
reasons=keyCompromise,CACompromise
[issuer]
fullname=URI:http://b/
CRLissuer=dirName:directory
reasons=AACompromise
[relative]
relativename=directory
[directory]
CN=Name
`;
    const certificate = opensslRequest(t, ec, config);
    const expected = opensslText(certificate)
      .replaceAll(/(\S) {16}(Reasons|CRL Issuer):/g, '$1\n                $2:')
      .replaceAll(/\n\n+/g, '\n');
    assert.equal(certificateText(certificate), expected);
  });

  test('replaces characters that control a terminal, lines or the direction of text', () => {
    const names = ['a\u001b[2Jb\n    Issuer: CN = forged', 'x\u202Emoc.knab\u2066\u2028y'];
    const encoded = sequence(...names.map((name) => der(0x82, Buffer.from(name))));
    const text = certificateText(buildCertificate({ extensions: [extension('2.5.29.17', encoded)] }));
    assert.match(text, /DNS:a\.\[2Jb\. {4}Issuer: CN = forged, DNS:x\.moc\.knab\.\.y\n/);
  });

  const seedCertificate = buildCertificate({
    extensions: [
      extension('2.5.29.17', sequence(der(0x82, Buffer.from('a.example')))),
      extension('2.5.29.15', der(0x03, Buffer.of(5, 0xa0))),
    ],
  });

  test('never throws on garbage, and bounds its output', () => {
    const mutated = fc
      .array(fc.tuple(fc.nat(seedCertificate.length - 1), fc.integer({ min: 0, max: 255 })), {
        minLength: 1,
        maxLength: 6,
      })
      .map((changes) => {
        const copy = Buffer.from(seedCertificate);
        for (const [at, octet] of changes) copy[at] = octet;
        return copy;
      });
    const garbage = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
    const values = fc.tuple(
      fc.constantFrom('14', '15', '17', '19', '30', '31', '32', '33', '35', '36', '37', '46', '54'),
      fc.uint8Array({ maxLength: 80 }),
    );
    const hostile = fc.oneof(
      mutated,
      garbage,
      garbage.map((content) => sequence(sequence(content), sequence(content), der(0x03, content))),
      values.map(([id, bytes]) => buildCertificate({ extensions: [extension(`2.5.29.${id}`, bytes)] })),
      values.map(([id, bytes]) => buildCertificate({ extensions: [extension(`2.5.29.${id}`, sequence(bytes))] })),
    );
    fc.assert(
      fc.property(hostile, (bytes) => {
        const text = certificateText(bytes);
        assert.ok(text.endsWith('\n') && text.length < 20_000 + bytes.length * 20);
      }),
      { numRuns: 3_000 },
    );
    const large = buildCertificate({ extensions: [extension('1.2.3', Buffer.alloc(200_000))] });
    assert.match(certificateText(large), /^Unable to load certificate: larger than/);
    const many = buildCertificate({
      extensions: Array.from({ length: 9_000 }, () => extension('2.5.29.37', sequence())),
    });
    assert.ok(certificateText(many).length <= 1024 * 1024 + 1);
    const started = performance.now();
    certificateText(
      buildCertificate({
        serial: der(0x02, Buffer.alloc(100_000, 1)),
        subject: nameOf(['2.5.4.3', der(0x06, Buffer.alloc(10_000, 0xff))]),
      }),
    );
    assert.ok(performance.now() - started < 1_000);
  });
});
