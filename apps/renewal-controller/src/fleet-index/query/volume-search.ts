import { issuerKey } from '../model/indexed-volume.ts';
import type { IndexedCertificate, IndexedVolume } from '../model/indexed-volume.ts';
import { perIssuer } from './per-issuer.ts';
import { podSearch } from './pod-search.ts';

/** Whether a part of one of a volume's texts is equal, in any case. */
export function volumeSearch(search: string): (volume: IndexedVolume) => boolean {
  const part = search.toLowerCase();
  const isOfPod = podSearch(part);
  const hasPart = (text: string): boolean => text.toLowerCase().includes(part);
  const isOfIssuer = perIssuer((issuer) => hasPart(issuerKey(issuer)));
  const hasHex = hexSearch(part);
  const isInCertificate = (certificate: IndexedCertificate): boolean => {
    const { dnsNames, uris, ipAddresses, serial, fingerprint, caFingerprints } = certificate;
    if (dnsNames.some(hasPart) || uris.some(hasPart) || ipAddresses.some(hasPart)) return true;
    return hasHex !== undefined && (hasHex(serial) || hasHex(fingerprint) || caFingerprints.some(hasHex));
  };
  return (volume) => {
    const { node, volumeId, issuer, certificate, failure } = volume;
    if (isOfPod(volume) || node.includes(part) || volumeId.includes(part) || isOfIssuer(issuer)) return true;
    if (failure !== undefined && (hasPart(failure.message) || hasPart(failure.reason))) return true;
    return certificate !== undefined && isInCertificate(certificate);
  };
}

/** Undefined if the text is no part of a number in hexadecimal form. */
function hexSearch(part: string): ((hex: string) => boolean) | undefined {
  // OpenSSL and browsers print serial numbers and fingerprints with colons.
  const digits = part.replaceAll(':', '');
  return /^[0-9a-f]+$/.test(digits) ? (hex) => hex.toLowerCase().includes(digits) : undefined;
}
