import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, string, time } from './fields.ts';

/** A certificate in the CA files of volumes. */
const CaSchema = Type.Object({
  fingerprint: string('SHA-256, hexadecimal'),
  count: count('Volumes with it in their CA file'),
  atRisk: count('Those whose renewal is not certain'),
  soonestExpiry: Type.Optional(time('Earliest not-after of the certificates of these volumes')),
  subject: Type.Optional(string('Subject (RFC 4514); absent until an agent has sent the certificate')),
  issuer: Type.Optional(string('Issuer (RFC 4514)')),
  notBefore: Type.Optional(time('Start of its validity')),
  notAfter: Type.Optional(time('End of its validity')),
  unknown: Type.Optional(string('Why no agent has sent the certificate')),
});

export const CasSchema = Type.Object({
  cas: Type.Array(CaSchema, { description: 'Most volumes first; at most 200' }),
  total: count('All CAs'),
  withoutCa: count('Volumes without a CA file'),
});
export type Cas = Static<typeof CasSchema>;
