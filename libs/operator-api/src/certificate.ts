import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, time, string } from './fields.ts';

/** The certificate of a volume, asked of its agent: never the key. */
export const CertificateSchema = Type.Object({
  pem: string('The chain as the pod reads it'),
  ca: Type.Optional(string('The CA file as the pod reads it')),
  chain: Type.Array(
    Type.Object({
      subject: string('Subject in the form of RFC 4514'),
      issuer: string('Issuer in the form of RFC 4514'),
      serial: string('Serial number, hexadecimal'),
      notBefore: time('Begin of validity'),
      notAfter: time('End of validity'),
      fingerprint: string('SHA-256, hexadecimal'),
    }),
    { description: 'The leaf first' },
  ),
  text: string('The leaf as `openssl x509 -text` prints it'),
  truncated: Type.Boolean({ description: 'Whether the files hold more certificates than are shown' }),
});
export type CertificateText = Static<typeof CertificateSchema>;

/** The Kubernetes events of a volume's pod. */
export const PodEventsSchema = Type.Object({
  events: Type.Array(
    Type.Object({
      at: time('When it was seen last'),
      type: string('Normal or Warning'),
      reason: string('One word for what'),
      message: string('What happened'),
      count: count('How often'),
    }),
  ),
  unavailable: Type.Optional(string('Why there are none to show')),
});
export type PodEvents = Static<typeof PodEventsSchema>;
