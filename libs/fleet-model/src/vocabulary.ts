// Terms that agent, controller, HTTP API and page share. Values only, without dependencies, because the page bundles them.

/**
 * Statuses of a volume; the first that applies is used: past its not-after; last attempt failed; renewal dispatched and
 * not yet reported; past the fallback deadline; past renew-at and waiting; without a certificate; none of these.
 */
export const volumeStatuses = ['expired', 'failing', 'in-flight', 'overdue', 'due', 'pending', 'healthy'] as const;
export type VolumeStatus = (typeof volumeStatuses)[number];

/** Reasons for which a lane does not start a renewal yet. */
export const waitReasons = ['paused', 'window', 'rate', 'in-flight', 'back-off', 'node-limit', 'node-silent'] as const;
export type WaitReason = (typeof waitReasons)[number];

export const keyTypes = ['rsa', 'ecdsa', 'ed25519', 'unknown'] as const;
export type KeyType = (typeof keyTypes)[number];

/** States of a lane: starting renewals, paused by an operator, backing off after failures, or outside its windows. */
export const laneStatuses = ['open', 'paused', 'backing-off', 'window'] as const;
export type LaneStatus = (typeof laneStatuses)[number];

/**
 * What the server of a pod was last seen to use: the certificate of its volume; a renewed volume that was not probed
 * since; another certificate than the volume's; or nothing, because the probe found no certificate.
 */
export const servedStates = ['not-loaded', 'unknown', 'renewed', 'served'] as const;
export type ServedState = (typeof servedStates)[number];

/** Why a probe found no certificate. */
export const probeFailures = ['no-address', 'host-network', 'refused', 'timeout', 'no-certificate'] as const;
export type ProbeFailure = (typeof probeFailures)[number];
