import { Type } from 'typebox';
import type { Static } from 'typebox';
import { cursor, limit, oneOf, time, string } from './fields.ts';
import { auditActions, auditOutcomes } from './vocabulary.ts';

/** One action of a user. */
const AuditEntrySchema = Type.Object({
  id: string('Id in the log'),
  at: time('Time of the action'),
  who: string('User as Kubernetes or the proxy names it'),
  action: oneOf(auditActions, 'Kind of the action'),
  target: string('Object of the action'),
  reason: Type.Optional(string('Reason that the user gave')),
  outcome: Type.Optional(oneOf(auditOutcomes, 'Outcome; done if absent')),
  detail: Type.Optional(string('Detail of the outcome, such as 12 volumes')),
});
export type AuditEntry = Static<typeof AuditEntrySchema>;

export const AuditQuerySchema = Type.Object({ limit, after: cursor }, { additionalProperties: false });
export type AuditQuery = Static<typeof AuditQuerySchema>;

export const AuditSchema = Type.Object({
  entries: Type.Array(AuditEntrySchema, { description: 'Latest first' }),
  next: Type.Optional(string('Value of `after` for the next page; absent on the last page')),
});
export type Audit = Static<typeof AuditSchema>;
