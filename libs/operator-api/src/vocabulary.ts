// The string of the operators' API, as values without a schema, so that a page may import them at no cost.

/**
 * One word for how a volume stands, the first that holds: past its not-after; last try failed; handed to its node and
 * unanswered; past renew-at and the agent's grace; its time has come and it waits; without a certificate; none of these.
 */
export const volumeStates = ['expired', 'failing', 'in-flight', 'overdue', 'due', 'pending', 'healthy'] as const;
export type VolumeStatus = (typeof volumeStates)[number];

/** Why a lane lets a renewal wait. */
export const waitReasons = ['paused', 'window', 'rate', 'in-flight', 'back-off', 'node-limit', 'node-silent'] as const;

/** What brought a certificate about, and by that which path renewed it: `job` and `demand` are the controller's. */
export const issuanceCauses = ['mount', 'job', 'requested', 'retry', 'deadline', 'unknown'] as const;

/** The kinds of keys that pods get. */
export const keyTypes = ['rsa', 'ecdsa', 'ed25519', 'unknown'] as const;

/** By what the table of volumes is sorted. */
export const volumeSorts = ['expires', 'renews', 'namespace', 'pod', 'node', 'issuer', 'state', 'attempts'] as const;

/** By what the table of lanes is sorted. */
export const laneSorts = ['issuer', 'state', 'volumes', 'waiting', 'in-flight', 'failures'] as const;

/** How a lane stands: letting renewals through, waiting by a person, backingOff after failures, outside its windows. */
export const laneStates = ['open', 'paused', 'backing-off', 'window'] as const;

/** What the audit log tells of. */
export const auditActions = ['renew', 'cancel', 'pause', 'resume', 'sign-in', 'sign-out', 'export', 'access'] as const;

/** How an audited action ended: `started` is written before it and stays when its outcome is not known. */
export const auditOutcomes = ['started', 'done', 'failed', 'refused'] as const;

/** What may change under an open page. */
export const changeKinds = ['volumes', 'nodes', 'lanes', 'renewals', 'audit'] as const;
