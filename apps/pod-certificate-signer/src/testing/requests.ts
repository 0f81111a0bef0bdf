import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { encodeDistinguishedName } from '@certfleet/shared/x509/distinguished-name.ts';
import { contextConstructed, integer, sequence } from '@certfleet/shared/x509/der.ts';
import {
  authorityKeyIdentifierExtension,
  randomSerialNumber,
  signCertificate,
  subjectKeyIdentifierExtension,
} from '@certfleet/shared/x509/certificate-builder.ts';
import { signStructure } from '@certfleet/shared/x509/signature.ts';
import { basicConstraintsExtension, keyUsageExtensions } from '@certfleet/shared/x509/x509-extensions.ts';
import type { KeyType } from '@certfleet/shared/x509/pod-certificate-key-type.ts';
import { parseRequest } from '../requests/pod-certificate-request.ts';
import type { PodCertificateRequest } from '../requests/pod-certificate-request.ts';

/** A private key of a type, as the kubelet makes it. */
export function privateKeyOf(type: KeyType): KeyObject {
  if (type === 'ED25519') return generateKeyPairSync('ed25519').privateKey;
  if (type.startsWith('RSA')) return generateKeyPairSync('rsa', { modulusLength: Number(type.slice(3)) }).privateKey;
  const namedCurve = type === 'ECDSAP256' ? 'prime256v1' : type === 'ECDSAP384' ? 'secp384r1' : 'secp521r1';
  return generateKeyPairSync('ec', { namedCurve }).privateKey;
}

/** The PKCS#10 request of the kubelet: without names and attributes. */
export function stubRequestOf(key: KeyObject): Buffer {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return signStructure(sequence(integer(0), sequence(), publicKey, contextConstructed(0)), key);
}

/** The proof of Kubernetes 1.35: a signature of the pod's UID. */
export function signedUid(key: KeyObject, podUid: string): Buffer {
  return sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', Buffer.from(podUid), key);
}

const signerName = 'example.com/internal';

/** A pending request of pod `web-0` in namespace `shop`. */
export function testRequest(
  spec: Readonly<Record<string, unknown>> = {},
  meta: Readonly<Record<string, unknown>> = {},
): PodCertificateRequest {
  const request = parseRequest({
    metadata: { name: 'req-1', namespace: 'shop', uid: 'r1', resourceVersion: '7', ...meta },
    spec: {
      signerName,
      podName: 'web-0',
      podUID: 'p1',
      serviceAccountName: 'web',
      nodeName: 'node-1',
      maxExpirationSeconds: 86_400,
      ...spec,
    },
  });
  if (request === undefined) throw new Error('expected a request');
  return request;
}

/** A raw PodCertificateSigner. */
export function rawSigner(spec: Readonly<Record<string, unknown>> = {}, name = 'internal'): object {
  return {
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1', generation: 1 },
    spec: {
      signerName,
      issuer: { secretName: 'internal-ca' },
      allowed: [{ namespaces: ['shop'], serviceAccounts: ['web', 'api-*'] }],
      names: {
        commonName: '$SERVICE_ACCOUNT_NAME.$POD_NAMESPACE',
        dnsNames: ['${POD_NAME}.${POD_NAMESPACE}.pod.example.com'],
        uris: ['spiffe://example.com/ns/$POD_NAMESPACE/sa/$SERVICE_ACCOUNT_NAME'],
      },
      ...spec,
    },
  };
}

/** The data of a Secret with a self-signed CA. */
export function caSecret(times: { readonly notBefore: Date; readonly notAfter: Date }): {
  readonly data: Readonly<Record<string, string>>;
  readonly certificatePem: string;
} {
  const key = privateKeyOf('ECDSAP256');
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const name = encodeDistinguishedName([[{ oid: '2.5.4.3', value: 'test CA' }]]);
  const certificatePem = signCertificate(
    {
      ...times,
      serialNumber: randomSerialNumber(),
      issuer: name,
      subject: name,
      publicKey,
      extensions: [
        basicConstraintsExtension(true),
        ...keyUsageExtensions(['digital signature'], true),
        subjectKeyIdentifierExtension(publicKey),
        authorityKeyIdentifierExtension(publicKey),
      ],
    },
    key,
  );
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' });
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return { certificatePem, data: { 'tls.crt': base64(certificatePem), 'tls.key': base64(keyPem) } };
}
