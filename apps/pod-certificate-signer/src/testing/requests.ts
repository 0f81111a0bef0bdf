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

interface CaTimes {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A CA, as the data of its Secret and for the CAs below it. */
export interface TestCa {
  readonly data: Readonly<Record<string, string>>;
  readonly certificatePem: string;
  readonly key: KeyObject;
  readonly commonName: string;
}

/** The data of a Secret with a CA: self-signed, or below another one, which is not in the chain. */
export function caSecret(times: CaTimes, { commonName = 'test CA', parent }: CaOptions = {}): TestCa {
  const key = privateKeyOf('ECDSAP256');
  const spkiOf = (each: KeyObject): Buffer => createPublicKey(each).export({ type: 'spki', format: 'der' });
  const nameOf = (text: string): Buffer => encodeDistinguishedName([[{ oid: '2.5.4.3', value: text }]]);
  const publicKey = spkiOf(key);
  const certificatePem = signCertificate(
    {
      ...times,
      serialNumber: randomSerialNumber(),
      issuer: nameOf(parent?.commonName ?? commonName),
      subject: nameOf(commonName),
      publicKey,
      extensions: [
        basicConstraintsExtension(true),
        ...keyUsageExtensions(['digital signature'], true),
        subjectKeyIdentifierExtension(publicKey),
        authorityKeyIdentifierExtension(spkiOf(parent?.key ?? key)),
      ],
    },
    parent?.key ?? key,
  );
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' });
  const data = { 'tls.crt': inBase64(certificatePem), 'tls.key': inBase64(keyPem) };
  return { certificatePem, data, key, commonName };
}

interface CaOptions {
  readonly commonName?: string;
  readonly parent?: TestCa;
}

/** An entry of a Secret. */
export const inBase64 = (text: string): string => Buffer.from(text).toString('base64');
