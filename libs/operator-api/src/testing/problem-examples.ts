import type { ProblemFacts } from '../problems.ts';

const since = '2026-03-01T11:30:00.000Z';
const issuer = 'ClusterIssuer.cert-manager.io//vault';
const signer = 'example.com/internal';
const ofSigner = { certificates: 3, signer };

/** Facts of each kind of problem, with all values that a kind can have. */
export const problemExamples: ProblemFacts = {
  'redis-unreachable': {},
  'redis-problem': { problem: 'refuses-writes', message: 'MISCONF disk full' },
  'redis-evicts': { policy: 'allkeys-lru' },
  'index-not-loaded': {},
  'lanes-unreadable': {},
  'intent-outdated': { message: 'connect ECONNREFUSED' },
  'at-risk': { volumes: 2 },
  'expires-soon': { volumes: 2, hours: 1 },
  expired: { volumes: 2 },
  overdue: { volumes: 2 },
  failing: { volumes: 2, issuer, since, message: 'rate limited' },
  'more-failing': { issuers: 2 },
  'not-loaded': { namespace: 'shop', pod: 'web-1', since },
  'more-not-loaded': { pods: 2 },
  'node-silent': { node: 'worker-1', since },
  'nodes-silent': { nodes: 2, node: 'worker-1', since },
  'renewal-stopped': { reason: 'a leaked key', pending: 2, failures: 3, at: since },
  'more-renewals-stopped': { renewals: 2 },
  'renewal-awaiting-approval': { reason: 'a leaked key', pending: 2 },
  'more-renewals-awaiting-approval': { renewals: 2 },
  'lane-paused': { issuer, by: 'ann', at: since, reason: 'CHG-4411', waiting: 2 },
  'lane-backing-off': { issuer, since, waiting: 2, message: 'rate limited' },
  'more-lanes-stopped': { lanes: 2 },
  'pod-certificates-denied': { ...ofSigner, at: since, message: 'KeyType' },
  'pod-certificates-failed': { ...ofSigner, at: since, message: 'KeyType' },
  'pod-certificates-expired': { ...ofSigner, at: since },
  'pod-certificates-overdue': { ...ofSigner, since },
  'pod-certificates-waiting': { ...ofSigner, since },
  'more-pod-certificates-at-risk': { groups: 2 },
  'pod-certificates-not-loaded': { message: 'forbidden' },
  'pod-certificates-outdated': { message: 'forbidden' },
  'pod-certificates-unknown': { certificates: 2 },
};
