import { constants, createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { readCertificateSigningRequestDer } from '@certfleet/shared/x509/read-certificate-signing-request.ts';
import type { PodCertificateRequest } from './pod-certificate-request.ts';

/** A public key whose private key the requester has. */
export interface ProvenKey {
  readonly key: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
  /** The PKCS#10 request, DER; undefined in Kubernetes 1.35. */
  readonly stubRequest: Buffer | undefined;
}

/**
 * Verifies that the requester has the private key: by the signature of the PKCS#10 request, or in v1beta1 of Kubernetes
 * 1.35 by a signature of the pod's UID. Names in the PKCS#10 request are ignored.
 * @throws CertfleetError invalid-argument if the proof is missing or wrong
 */
export function proveKey(request: PodCertificateRequest): ProvenKey {
  try {
    return request.stubRequest === '' ? keyOfSignedUid(request) : keyOfStubRequest(request.stubRequest);
  } catch (thrown) {
    // Any other error is a fault of the signer, and must not be a final answer.
    if (!isOfOpenSsl(thrown)) throw thrown;
    throw new CertfleetError('invalid-argument', `the public key cannot be read: ${asCertfleetError(thrown).message}`);
  }
}

function isOfOpenSsl(thrown: unknown): boolean {
  const { code } = (thrown ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' && code.startsWith('ERR_OSSL');
}

function keyOfStubRequest(base64: string): ProvenKey {
  const stubRequest = Buffer.from(base64, 'base64');
  const { publicKey } = readCertificateSigningRequestDer(stubRequest);
  return { key: createPublicKey({ key: publicKey, format: 'der', type: 'spki' }), publicKey, stubRequest };
}

function keyOfSignedUid({ publicKey: base64, proofOfPossession, identity }: PodCertificateRequest): ProvenKey {
  const publicKey = Buffer.from(base64, 'base64');
  const key = createPublicKey({ key: publicKey, format: 'der', type: 'spki' });
  const isEdwards = key.asymmetricKeyType === 'ed25519';
  const padding = key.asymmetricKeyType === 'rsa' ? { padding: constants.RSA_PKCS1_PSS_PADDING } : {};
  const signature = Buffer.from(proofOfPossession, 'base64');
  if (!verify(isEdwards ? null : 'sha256', Buffer.from(identity.pod.uid), { key, ...padding }, signature)) {
    throw new CertfleetError('invalid-argument', "expected a signature of the pod's UID by the key of the request");
  }
  return { key, publicKey, stubRequest: undefined };
}
