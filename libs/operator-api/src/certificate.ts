import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, time, string } from './fields.ts';

/** The certificate of a volume as its agent reads it; never the private key. */
export const CertificateSchema = Type.Object({
  pem: string('Certificate chain in PEM, as the pod sees it'),
  ca: Type.Optional(string('CA file in PEM, as the pod sees it')),
  chain: Type.Array(
    Type.Object({
      subject: string('Subject (RFC 4514)'),
      issuer: string('Issuer (RFC 4514)'),
      serial: string('Serial number, hexadecimal'),
      notBefore: time('Start of validity'),
      notAfter: time('End of validity'),
      fingerprint: string('SHA-256 of the certificate, hexadecimal'),
    }),
    { description: 'Leaf first' },
  ),
  text: string('Leaf certificate as text, like the output of `openssl x509 -text`'),
  truncated: Type.Boolean({ description: 'Whether the files contain more certificates than returned' }),
});
export type CertificateText = Static<typeof CertificateSchema>;

/** The Kubernetes events of a volume's pod. */
export const PodEventsSchema = Type.Object({
  events: Type.Array(
    Type.Object({
      at: time('Time of the last occurrence'),
      type: string('Normal or Warning'),
      reason: string('Reason of the event'),
      message: string('Message of the event'),
      count: count('Number of occurrences'),
    }),
  ),
  unavailable: Type.Optional(string('Why the events cannot be read')),
});
export type PodEvents = Static<typeof PodEventsSchema>;
