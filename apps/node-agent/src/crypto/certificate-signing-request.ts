import type { KeyObject } from 'node:crypto';
import type { KeyUsage } from '@certfleet/shared/x509/key-usages.ts';
import { contextConstructed, integer, objectIdentifier, sequence, setOf } from '@certfleet/shared/x509/der.ts';
import { encodeDistinguishedName } from '@certfleet/shared/x509/distinguished-name.ts';
import type { DistinguishedName } from '@certfleet/shared/x509/distinguished-name.ts';
import { encodePem } from '@certfleet/shared/x509/pem.ts';
import { encodePublicKey } from './private-key.ts';
import { extensionRequestOid } from '@certfleet/shared/x509/read-certificate-signing-request.ts';
import { signStructure } from '@certfleet/shared/x509/signature.ts';
import {
  basicConstraintsExtension,
  keyUsageExtensions,
  subjectAltNameExtension,
} from '@certfleet/shared/x509/x509-extensions.ts';
import type { SubjectAltNames } from '@certfleet/shared/x509/x509-extensions.ts';

/** The content of a request; a VolumeSpec with a key has this type. */
export interface CertificateSigningRequest extends SubjectAltNames {
  readonly subject: DistinguishedName;
  readonly keyUsages: readonly KeyUsage[];
  readonly isCa: boolean;
  /** The private key, which signs the request; its public half is certified. */
  readonly key: KeyObject;
}

/**
 * A PKCS#10 request (RFC 2986) in PEM. Its key usages and basic constraints agree with those that cert-manager's
 * webhook derives from the same usages and isCA.
 * @throws CertfleetError invalid-argument if a name cannot be encoded
 */
export function createCertificateSigningRequest(request: CertificateSigningRequest): string {
  const extensions = [
    ...subjectAltNameExtension(request, request.subject.length === 0),
    ...keyUsageExtensions(request.keyUsages, request.isCa),
    ...(request.isCa ? [basicConstraintsExtension(true)] : []),
  ];
  const information = sequence(
    integer(0),
    encodeDistinguishedName(request.subject),
    encodePublicKey(request.key),
    contextConstructed(0, sequence(objectIdentifier(extensionRequestOid), setOf(sequence(...extensions)))),
  );
  return encodePem('CERTIFICATE REQUEST', signStructure(information, request.key));
}
