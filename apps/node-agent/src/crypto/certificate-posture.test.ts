import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { certificatePosture } from './certificate-posture.ts';

/** A self-signed certificate of the openssl command. */
function certificate(...options: readonly string[]): X509Certificate {
  const args = ['req', '-x509', '-nodes', '-subj', '/CN=posture', '-keyout', '/dev/null', '-newkey', ...options];
  return new X509Certificate(execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] }));
}

const end = ['-addext', 'basicConstraints=critical,CA:FALSE'];
const pss = ['-sigopt', 'rsa_padding_mode:pss'];

describe('certificatePosture', () => {
  test('reads keys, signatures and usages of certificates of other tools', () => {
    const usages = ['-addext', 'keyUsage=digitalSignature,keyAgreement,decipherOnly'];
    const extended = ['-addext', 'extendedKeyUsage=serverAuth,clientAuth,1.2.3.4'];
    assert.deepEqual(certificatePosture(certificate('rsa:1024', '-sha1', ...end, ...usages, ...extended)), {
      keyBits: 1024,
      curve: '',
      signatureAlgorithm: 'sha1WithRSAEncryption',
      isCa: false,
      usages: ['digital signature', 'key agreement', 'decipher only', 'server auth', 'client auth', '1.2.3.4'],
    });
    assert.deepEqual(certificatePosture(certificate('ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha512', ...end)), {
      keyBits: 0,
      curve: 'P-384',
      signatureAlgorithm: 'ecdsa-with-SHA512',
      isCa: false,
      usages: [],
    });
    const { curve, signatureAlgorithm } = certificatePosture(certificate('ed25519', ...end));
    assert.deepEqual([curve, signatureAlgorithm], ['Ed25519', 'ED25519']);
  });

  test('names the hash of RSASSA-PSS, which is SHA-1 unless the parameters name another', () => {
    const signature = (hash: string): string =>
      certificatePosture(certificate('rsa:2048', hash, ...pss, ...end)).signatureAlgorithm;
    assert.equal(signature('-sha256'), 'rsassaPss-SHA256');
    assert.equal(signature('-sha1'), 'rsassaPss-SHA1');
  });

  test('finds a CA', () => {
    const ca = certificatePosture(
      certificate(
        'rsa:2048',
        '-addext',
        'basicConstraints=critical,CA:TRUE',
        '-addext',
        'keyUsage=keyCertSign,cRLSign',
      ),
    );
    assert.deepEqual([ca.isCa, ca.usages], [true, ['cert sign', 'crl sign']]);
  });
});
