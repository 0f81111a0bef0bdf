// Enumerations of the operators' API, without schemas, so that the page can import them without a validator.

/**
 * Statuses of a volume; the first that applies is used: past its not-after; last attempt failed; renewal dispatched and
 * not yet reported; past the fallback deadline; past renew-at and waiting; without a certificate; none of these.
 */
export const volumeStates = ['expired', 'failing', 'in-flight', 'overdue', 'due', 'pending', 'healthy'] as const;
export type VolumeStatus = (typeof volumeStates)[number];

/** Reasons for which a lane does not start a renewal yet. */
export const waitReasons = ['paused', 'window', 'rate', 'in-flight', 'back-off', 'node-limit', 'node-silent'] as const;

/** Why a certificate was issued. `job`, `requested` and `retry` are renewals of the controller. */
export const issuanceCauses = ['mount', 'job', 'requested', 'retry', 'deadline', 'unknown'] as const;

export const keyTypes = ['rsa', 'ecdsa', 'ed25519', 'unknown'] as const;

/** Sort keys of the table of volumes. */
export const volumeSorts = ['expires', 'renews', 'namespace', 'pod', 'node', 'issuer', 'state', 'attempts'] as const;

/** Sort keys of the table of lanes. */
export const laneSorts = ['issuer', 'state', 'volumes', 'waiting', 'in-flight', 'failures'] as const;

/** States of a lane: starting renewals, paused by an operator, backing off after failures, or outside its windows. */
export const laneStates = ['open', 'paused', 'backing-off', 'window'] as const;

/** Actions in the audit log. */
export const auditActions = ['renew', 'cancel', 'pause', 'resume', 'sign-in', 'sign-out', 'export', 'access'] as const;

/** Outcomes of audited actions. `started` is recorded before the action and remains if the outcome is unknown. */
export const auditOutcomes = ['started', 'done', 'failed', 'refused'] as const;

/** Kinds of changes that an event reports to open pages. */
export const changeKinds = ['volumes', 'nodes', 'lanes', 'renewals', 'audit'] as const;
