import { Type } from 'typebox';
import type { Static, TObject, TProperties, TUnsafe } from 'typebox';
import { count, ofKind, oneOf, string, time } from './fields.ts';
import type { FactsOf, OfKind } from './fields.ts';
import { redisProblems } from './vocabulary.ts';
import type { ProblemKind } from './vocabulary.ts';

const volumes = { volumes: count('Affected volumes') };
const certificates = { certificates: count('Affected pod certificates') };
const since = { since: time('Start of the problem') };
const message = { message: Type.Optional(string('Message of an error, as its source reports it')) };
const issuer = { issuer: string('Key of the issuer, kind.group/namespace/name') };
const waiting = { waiting: count('Renewals that wait in the lane') };
const renewal = {
  reason: string('Reason that its requester gave'),
  pending: count('Volumes that are not renewed yet'),
};
const ofSigner = { ...certificates, signer: string('Signer name') };
const firstAt = { at: time('Time of the first of them') };

/** What the sentence of each kind of problem states. Times are named `since` or `at`, by how a sentence states them. */
const problemFacts = {
  'redis-unreachable': {},
  'redis-problem': {
    problem: oneOf(redisProblems, 'What prevents Redis from serving the controller'),
    message: string('Message of Redis'),
  },
  'redis-evicts': { policy: string('The maxmemory-policy of Redis') },
  'index-not-loaded': {},
  'lanes-unreadable': {},
  'intent-outdated': { message: string('Why they may be outdated') },
  'at-risk': volumes,
  'expires-soon': { ...volumes, hours: count('They expire within this many hours') },
  expired: volumes,
  overdue: volumes,
  failing: { ...volumes, ...issuer, ...since, ...message },
  'more-failing': { issuers: count('Further issuers') },
  'not-loaded': {
    namespace: string('Namespace of the pod'),
    pod: string('Name of the pod'),
    since: Type.Optional(time('Start of the problem')),
  },
  'more-not-loaded': { pods: count('Further pods') },
  'node-silent': { node: string('Name of the node'), ...since },
  'nodes-silent': {
    nodes: count('Silent nodes'),
    node: string('The node that has been silent for longest'),
    since: time('Last heartbeat of this node'),
  },
  'renewal-stopped': {
    ...renewal,
    at: Type.Optional(time('When it stopped')),
    failures: count('Failed attempts'),
  },
  'more-renewals-stopped': { renewals: count('Further renewals') },
  'renewal-awaiting-approval': renewal,
  'more-renewals-awaiting-approval': { renewals: count('Further renewals') },
  'lane-paused': {
    ...issuer,
    by: string('User who paused it'),
    at: time('Start of the pause'),
    reason: string('Reason of the pause'),
    ...waiting,
  },
  'lane-backing-off': { ...issuer, ...since, ...waiting, ...message },
  'more-lanes-stopped': { lanes: count('Further lanes') },
  'pod-certificates-denied': { ...ofSigner, ...firstAt, ...message },
  'pod-certificates-failed': { ...ofSigner, ...firstAt, ...message },
  'pod-certificates-expired': { ...ofSigner, ...firstAt },
  'pod-certificates-overdue': { ...ofSigner, ...since },
  'pod-certificates-waiting': { ...ofSigner, ...since },
  'more-pod-certificates-at-risk': { groups: count('Further signers and reasons') },
  'pod-certificates-not-loaded': message,
  'pod-certificates-outdated': message,
  'pod-certificates-unknown': certificates,
} satisfies Record<ProblemKind, TProperties>;

export type ProblemFacts = FactsOf<typeof problemFacts>;

/** A problem, a doubt or another reason of a verdict, with what its sentence states. */
export type Problem<Kind extends ProblemKind = ProblemKind> = OfKind<ProblemFacts, Kind>;

/** A problem with its sentence and other properties. */
export function problemWith<Others extends TProperties>(
  others: Others,
): TUnsafe<Problem & { text: string } & Static<TObject<Others>>> {
  const text = string('The problem in English, with times in UTC');
  return ofKind(problemFacts, { text, ...others }) as TUnsafe<Problem & { text: string } & Static<TObject<Others>>>;
}
