import { Type } from 'typebox';
import type { Static } from 'typebox';
import { cursor, limit, oneOf, time, words } from './fields.ts';
import { auditActions, auditOutcomes } from './vocabulary.ts';

/** One thing that a person did. */
const AuditEntrySchema = Type.Object({
  id: words('Place in the log'),
  at: time('When'),
  who: words('User as Kubernetes or the proxy names it'),
  action: oneOf(auditActions, 'What'),
  target: words('To what'),
  reason: Type.Optional(words('Why, in their words')),
  outcome: Type.Optional(oneOf(auditOutcomes, 'How it ended; done unless given')),
  detail: Type.Optional(words('What came of it, such as 12 volumes')),
});
export type AuditEntry = Static<typeof AuditEntrySchema>;

export const AuditQuerySchema = Type.Object({ limit, after: cursor }, { additionalProperties: false });
export type AuditQuery = Static<typeof AuditQuerySchema>;

export const AuditSchema = Type.Object({
  entries: Type.Array(AuditEntrySchema, { description: 'The latest first' }),
  next: Type.Optional(words('What to ask the next page `after`; absent on the last one')),
});
export type Audit = Static<typeof AuditSchema>;
