import { X509Certificate } from 'node:crypto';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { encodePem, parsePem } from '@certfleet/shared/x509/pem.ts';
import { lifetimeBounds } from '../kind/pod-certificate-signer-kind.ts';
import type { CertificateOrder } from '../policy/decide.ts';
import type { IssuedChain } from './issuer.ts';

/** The limit of the API. */
const maxChainCharacters = 100 * 1024;

/**
 * Checks an issuer's certificates before they become final: the API server would refuse some of them for good, and a
 * wrong name or key must never reach a pod.
 * @throws CertfleetError failed-precondition, reason InvalidCertificate
 */
export function checkedChain(pem: string, order: CertificateOrder): IssuedChain {
  const certificates = readAll(pem);
  const [leaf] = certificates;
  if (leaf === undefined) throw invalid('at least one certificate');
  if (!leaf.publicKey.equals(order.key.key)) throw invalid("the key of the request as the certificate's key");
  if (leaf.ca) throw invalid('a certificate that is not a CA');
  const allowed = new Set([
    ...order.names.dnsNames.map((name) => `DNS:${name}`),
    ...order.names.uris.map((uri) => `URI:${uri}`),
    // Some issuers repeat the common name.
    ...(order.names.commonName === undefined ? [] : [`DNS:${order.names.commonName}`]),
  ]);
  const surplus = (leaf.subjectAltName ?? '').split(', ').find((name) => name !== '' && !allowed.has(unquoted(name)));
  if (surplus !== undefined) throw invalid(`only the names of the policy, found ${shown(surplus)}`);
  const foreign = commonNamesOf(leaf).find((name) => name !== order.names.commonName && !allowed.has(`DNS:${name}`));
  if (foreign !== undefined) throw invalid(`only the names of the policy, found the common name ${shown(foreign)}`);
  const lifetimeMs = leaf.validToDate.getTime() - leaf.validFromDate.getTime();
  if (!(lifetimeMs >= lifetimeBounds.minSeconds * 1000 && lifetimeMs <= order.lifetimeSeconds * 1000))
    throw invalid(`a lifetime of 3600 to ${order.lifetimeSeconds} s, found ${lifetimeMs / 1000} s`);
  // Encoded again, so that nothing else is in the chain.
  const certificateChain = certificates.map(({ raw }) => encodePem('CERTIFICATE', raw)).join('');
  if (certificateChain.length > maxChainCharacters)
    throw invalid(`a chain of at most ${maxChainCharacters} characters, found ${certificateChain.length}`);
  return { certificateChain, notBefore: leaf.validFromDate, notAfter: leaf.validToDate };
}

function readAll(pem: string): readonly X509Certificate[] {
  try {
    return parsePem(pem).map(({ label, der }) => {
      if (label !== 'CERTIFICATE') throw invalid('certificates only');
      return new X509Certificate(der);
    });
  } catch {
    throw invalid('certificates as PEM');
  }
}

function commonNamesOf(leaf: X509Certificate): readonly string[] {
  // Several are an array, which its type does not say.
  const { CN: found } = leaf.toLegacyObject().subject as { readonly CN?: string | readonly string[] };
  return [found ?? []].flat();
}

/** A name of an issuer for a message. */
const shown = (name: string): string => JSON.stringify(name.slice(0, 128));

/** Node quotes a value with unusual characters. */
function unquoted(name: string): string {
  const [, kind = '', value = ''] = /^([^:]*):(".*")$/.exec(name) ?? [];
  return kind === '' ? name : `${kind}:${String(JSON.parse(value))}`;
}

function invalid(expected: string): CertfleetError {
  return new CertfleetError('failed-precondition', `unusable response of the issuer: expected ${expected}`, {
    reason: 'InvalidCertificate',
    retryable: true,
  });
}
