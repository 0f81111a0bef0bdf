import { Type } from 'typebox';
import type { Static } from 'typebox';
import { cursor, limit, oneOf, time, string } from './fields.ts';
import { auditActions, auditOutcomes } from './vocabulary.ts';

/** One thing that a person did. */
const AuditEntrySchema = Type.Object({
  id: string('Place in the log'),
  at: time('When'),
  who: string('User as Kubernetes or the proxy names it'),
  action: oneOf(auditActions, 'What'),
  target: string('To what'),
  reason: Type.Optional(string('Why, in their string')),
  outcome: Type.Optional(oneOf(auditOutcomes, 'How it ended; done unless given')),
  detail: Type.Optional(string('What came of it, such as 12 volumes')),
});
export type AuditEntry = Static<typeof AuditEntrySchema>;

export const AuditQuerySchema = Type.Object({ limit, after: cursor }, { additionalProperties: false });
export type AuditQuery = Static<typeof AuditQuerySchema>;

export const AuditSchema = Type.Object({
  entries: Type.Array(AuditEntrySchema, { description: 'The latest first' }),
  next: Type.Optional(string('What to ask the next page `after`; absent on the last one')),
});
export type Audit = Static<typeof AuditSchema>;
