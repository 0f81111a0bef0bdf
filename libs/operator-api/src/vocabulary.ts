// Enumerations of the operators' API alone, without schemas, so that the page can import them without a validator. The terms
// of the fleet are in libs/fleet-model.

import { waitReasons } from '@certfleet/fleet-model/vocabulary.ts';

/** Sort keys of the table of volumes. */
export const volumeSorts = ['expires', 'renews', 'namespace', 'pod', 'node', 'issuer', 'state', 'attempts'] as const;

/** Properties by which volumes are grouped. */
export const groupKeys = ['namespace', 'workload', 'issuer', 'node', 'ca', 'state', 'risk'] as const;

/** Kinds of violations of the limits for certificates. */
export type PostureKind = 'rsa-bits' | 'signature' | 'lifetime' | 'ca';

/** Spans of time, relative to now, in which certificates expire: each is named by its end, and begins at the preceding one. */
export const expirySpans = ['expired', '10m', '1h', '6h', '24h', '7d', '30d', '90d', 'later'] as const;
export type ExpirySpan = (typeof expirySpans)[number];

/** Sort keys of groups of volumes or of pod certificates. */
export const groupSorts = ['count', 'at-risk', 'expires', 'value'] as const;

/** Sort keys of the table of lanes. */
export const laneSorts = ['issuer', 'state', 'volumes', 'waiting', 'in-flight', 'failures'] as const;

/**
 * Why the renewal of a volume is not certain; the first that applies is used. The first three are statuses, the others
 * conditions of its node, of Redis and the controller, or of its lane.
 */
export const riskReasons = [
  'expired',
  'overdue',
  'failing',
  'node-silent',
  'redis-unavailable',
  'policies-unknown',
  'lane-paused',
  'lane-backing-off',
  'lane-window',
] as const;

/** The fleet in one word; `unknown` if what the controller knows may be outdated. */
export const verdictLevels = ['ok', 'attention', 'critical', 'unknown'] as const;

/**
 * Kinds of problems, of doubts about the counts, and of other reasons of a verdict. A kind has the same facts for good: a
 * sentence that states something else is another kind. `more-…` counts the problems beyond those that are listed.
 */
export const problemKinds = [
  'redis-unreachable',
  'redis-problem',
  'redis-evicts',
  'index-not-loaded',
  'lanes-unreadable',
  'intent-outdated',
  'at-risk',
  'expires-soon',
  'expired',
  'overdue',
  'failing',
  'more-failing',
  'not-loaded',
  'more-not-loaded',
  'node-silent',
  'nodes-silent',
  'renewal-stopped',
  'more-renewals-stopped',
  'renewal-awaiting-approval',
  'more-renewals-awaiting-approval',
  'lane-paused',
  'lane-backing-off',
  'more-lanes-stopped',
  'pod-certificates-denied',
  'pod-certificates-failed',
  'pod-certificates-expired',
  'pod-certificates-overdue',
  'pod-certificates-waiting',
  'more-pod-certificates-at-risk',
  'pod-certificates-not-loaded',
  'pod-certificates-outdated',
  'pod-certificates-unknown',
] as const;
export type ProblemKind = (typeof problemKinds)[number];

/** What prevents Redis from serving the controller. */
export const redisProblems = ['unreachable', 'not-primary', 'refuses-writes', 'forbidden'] as const;

/** States of a renewal on demand. */
export const renewalStates = [
  'starting',
  'running',
  'awaiting-approval',
  'stopped',
  'suspended',
  'cancelled',
  'finished',
  'rejected',
] as const;

/**
 * What a pending volume of a renewal waits for: an approval after the canary, its failed attempt is repeated, its agent renews it, it has not reached its
 * lane yet, or the wait reasons of lanes.
 */
export const renewalWaits = ['approval', 'failing', 'started', 'not-started', ...waitReasons] as const;

/** Actions in the audit log. */
export const auditActions = [
  'renew',
  'rotate',
  'rollback',
  'approve',
  'cancel',
  'suspend',
  'pause',
  'resume',
  'sign-in',
  'sign-out',
  'export',
  'access',
] as const;

/** Outcomes of audited actions. `started` is recorded before the action and remains if the outcome is unknown. */
export const auditOutcomes = ['started', 'done', 'failed', 'refused'] as const;

/** Kinds of changes that an event reports to open pages. */
export const changeKinds = ['volumes', 'nodes', 'lanes', 'renewals', 'rotations', 'audit', 'pod-certificates'] as const;

/** Whether the ClusterTrustBundle of a signer name contains the roots of both CAs of a rotation. */
export const bundleStates = ['Verified', 'Incomplete', 'Missing', 'NotVerifiable', 'Confirmed', 'Unreadable'] as const;

/** Phases of a CA rotation; the last three are its ends. */
export const rotationPhases = [
  'Pending',
  'Trust',
  'Reissue',
  'Verify',
  'Retire',
  'Completed',
  'RolledBack',
  'Failed',
] as const;

export const rotationDirections = ['Forward', 'Backward'] as const;

/** Phases of a rotation that can wait for an approval. */
export const rotationGates = ['Reissue', 'Retire'] as const;

/**
 * States of a pod certificate; the first that applies is used: refused by its signer, which is final for the pod; past
 * its not-after; past the time at which the kubelet refreshes it; its latest request is not answered; not seen since Redis
 * lost the index; none of these.
 */
export const podCertificateStates = ['denied', 'failed', 'expired', 'overdue', 'pending', 'unknown', 'issued'] as const;
export type PodCertificateState = (typeof podCertificateStates)[number];

/**
 * Why a pod certificate is not certain to be valid; the first that applies is used. The first four are states; `waiting` is
 * a request that has been pending for too long.
 */
export const podCertificateRisks = ['denied', 'failed', 'expired', 'overdue', 'waiting'] as const;
export type PodCertificateRiskReason = (typeof podCertificateRisks)[number];

/** Sort keys of the table of pod certificates. */
export const podCertificateSorts = ['expires', 'refreshes', 'namespace', 'pod', 'node', 'signer', 'state'] as const;

/** Properties by which pod certificates are grouped. */
export const podCertificateGroupKeys = ['namespace', 'workload', 'signer', 'node', 'state', 'risk'] as const;
export type PodCertificateGroupKey = (typeof podCertificateGroupKeys)[number];

/** Whether the controller follows pod certificates: switched off, nothing read yet, up to date, or outdated. */
export const podCertificateFollowing = ['off', 'loading', 'current', 'outdated'] as const;

/** Suggested key usages, as cert-manager names them, the most common first. */
export const usualUsages: readonly string[] = [
  ...['server auth', 'client auth', 'code signing', 'email protection', 'timestamping', 'ocsp signing'],
  ...['digital signature', 'key encipherment', 'key agreement', 'cert sign', 'crl sign', 'any'],
];
