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

/** The volumes by CA over time. */
export const CaHistorySchema = Type.Object({
  hours: Type.Array(
    Type.Object({
      from: time('Start of the hour'),
      volumes: count('All volumes at the end of the hour'),
    }),
    { description: 'Hours with counts of the past week, earliest first; the last one is counted now' },
  ),
  cas: Type.Array(
    Type.Object({
      fingerprint: string('SHA-256, hexadecimal'),
      subject: Type.Optional(string('Subject (RFC 4514); absent until an agent has sent the certificate')),
      counts: Type.Array(Type.Integer({ minimum: 0 }), {
        description: 'Volumes under this CA, one count for each hour',
      }),
    }),
    { description: 'Largest share in any hour first; at most 8. A volume counts for each certificate of its CA' },
  ),
});
export type CaHistory = Static<typeof CaHistorySchema>;
