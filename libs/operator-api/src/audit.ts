import { Type } from 'typebox';
import type { Static } from 'typebox';
import { cursor, limit, nonEmptyString, oneOf, time, string } from './fields.ts';
import { auditActions, auditOutcomes } from './vocabulary.ts';

/** One action of a user. */
const AuditEntrySchema = Type.Object({
  id: string('Id in the log'),
  at: time('Time of the action'),
  cluster: Type.Optional(string('Name of the cluster in which the action was taken')),
  who: string('User as Kubernetes or the proxy names it'),
  action: oneOf(auditActions, 'Kind of the action'),
  target: string('Object of the action'),
  reason: Type.Optional(string('Reason that the user gave')),
  outcome: Type.Optional(oneOf(auditOutcomes, 'Outcome; done if absent')),
  detail: Type.Optional(string('Detail of the outcome, such as 12 volumes')),
});
export type AuditEntry = Static<typeof AuditEntrySchema>;

/** Filters for entries; all given criteria must match. */
const filters = {
  who: Type.Optional(nonEmptyString('Part of the user, case-insensitive')),
  action: Type.Optional(oneOf(auditActions, 'Kind of the action')),
  target: Type.Optional(nonEmptyString('Part of target, reason or detail, case-insensitive', 1024)),
  since: Type.Optional(time('Not before this time (RFC 3339)')),
  until: Type.Optional(time('Before this time (RFC 3339)')),
};

export const AuditQuerySchema = Type.Object({ ...filters, limit, after: cursor }, { additionalProperties: false });
export type AuditQuery = Static<typeof AuditQuerySchema>;

/** Exports all matching entries as a file. */
export const AuditExportSchema = Type.Object(
  { ...filters, format: oneOf(['csv', 'json'], 'CSV (RFC 4180) or one JSON array') },
  { additionalProperties: false },
);
export type AuditFilter = Omit<Static<typeof AuditExportSchema>, 'format'>;

export const AuditSchema = Type.Object({
  entries: Type.Array(AuditEntrySchema, { description: 'Latest first' }),
  next: Type.Optional(string('Value of `after` for the next page; absent on the last page')),
});
export type Audit = Static<typeof AuditSchema>;
