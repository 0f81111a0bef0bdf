import { laneStatuses } from '@certfleet/fleet-model/vocabulary.ts';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { ByStateSchema, count, cursor, limit, oneOf, order, nonEmptyString, time, string } from './fields.ts';
import { laneSorts } from './vocabulary.ts';

export const IssuerSchema = Type.Object({
  group: nonEmptyString('API group of the issuer, such as cert-manager.io'),
  kind: nonEmptyString('Issuer, ClusterIssuer, or the kind of an external issuer'),
  namespace: Type.String({ maxLength: 256, description: 'Empty for a cluster-scoped issuer' }),
  name: nonEmptyString('Name of the issuer'),
});

const number = (description: string) => Type.Number({ description });

/** Rate limit and back-off of a lane. */
const LanePolicySchema = Type.Object({
  ratePerSecond: number('Renewals started per second; 0 for no limit'),
  burst: count('Renewals that may start at once after an idle time'),
  maxInFlight: count('Maximum renewals in flight'),
  answerTimeoutMs: count('Time after which a renewal without a result frees its slot, in milliseconds'),
  jitter: number("Fraction of a certificate's lifetime over which simultaneous renewals are spread"),
  maxJitterMs: count('Maximum spread, in milliseconds'),
  priority: count('Priority among lanes, 0 to 9; a higher one precedes'),
  windows: Type.Array(
    Type.Object({
      cron: string('Cron expression of the start times'),
      durationMs: count('Duration in milliseconds'),
      timeZone: Type.Optional(string('IANA time zone; UTC if absent')),
    }),
  ),
  backoff: Type.Object({
    threshold: count('Consecutive failures before the lane backs off'),
    initialMs: count('First back-off, in milliseconds'),
    maxMs: count('Maximum back-off, in milliseconds'),
  }),
});

export const LaneSchema = Type.Object({
  id: string('Id of the lane'),
  key: string('Key of the issuer, kind.group/namespace/name'),
  issuer: IssuerSchema,
  policy: LanePolicySchema,
  state: oneOf(laneStatuses, 'State of the lane'),
  paused: Type.Optional(
    Type.Object({ by: string('User who paused it'), reason: string('Reason'), at: time('Start of the pause') }),
  ),
  inFlight: count('Renewals and pod certificates in flight'),
  podCertificates: Type.Optional(
    Type.Object(
      { waiting: count('Requests without a permit'), inFlight: count('In flight') },
      { description: 'Pod certificates that a signer signs in this lane; absent if none does' },
    ),
  ),
  queued: count('Renewals queued with a reserved slot'),
  blocked: count('Renewals that wait for a free slot or the end of a pause'),
  queueEndsAt: Type.Optional(time('Start time of the last queued renewal')),
  backoffUntil: Type.Optional(time('End of the back-off after failures')),
  opensAt: Type.Optional(time('Start of the next window; absent inside a window')),
  failureStreak: count('Consecutive failures'),
  pace: number('Fraction of the rate limit in force after failures, 1/64 to 1'),
  lastError: Type.Optional(
    Type.Object({ at: time('Time of the failure'), message: string('Message of the last failure') }),
  ),
  volumes: count('Volumes of the issuer'),
  byState: ByStateSchema,
});
export type Lane = Static<typeof LaneSchema>;

const latency = {
  p50Ms: Type.Optional(count('Half of the issuances took at most this many milliseconds; absent without durations')),
  p99Ms: Type.Optional(count('99 of 100 issuances took at most this many milliseconds')),
};

/** The renewals of a lane's issuer in the past 48 hours. */
export const LaneHistorySchema = Type.Object({
  hours: Type.Array(
    Type.Object({
      from: time('Start of the hour'),
      renewed: count('Successful renewals'),
      failed: count('Failed attempts'),
      ...latency,
    }),
    { description: 'Earliest first, ending with the current hour' },
  ),
  ...latency,
});
export type LaneHistory = Static<typeof LaneHistorySchema>;

export const LaneQuerySchema = Type.Object(
  {
    search: Type.Optional(nonEmptyString("Part of the issuer's key, case-insensitive")),
    state: Type.Optional(oneOf(laneStatuses, 'Only lanes in this state')),
    sort: Type.Optional(oneOf(laneSorts, 'Sort key; issuer if absent')),
    order,
    limit,
    after: cursor,
  },
  { additionalProperties: false },
);
export type LaneQuery = Static<typeof LaneQuerySchema>;

export const LanePageSchema = Type.Object({
  lanes: Type.Array(LaneSchema),
  total: count('Matching lanes on all pages'),
  next: Type.Optional(string('Value of `after` for the next page; absent on the last page')),
});
export type LanePage = Static<typeof LanePageSchema>;

export const PauseSchema = Type.Object(
  { reason: nonEmptyString('Reason, shown with the lane', 512) },
  { additionalProperties: false },
);
