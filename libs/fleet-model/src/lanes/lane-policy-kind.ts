import { Type } from 'typebox';
import type { Static } from 'typebox';
import { closedObject, integer, statusFields, text, timestamp, withRules } from '@certfleet/shared/kube/kind-schema.ts';
import type { KindDefinition } from '@certfleet/shared/kube/kind-schema.ts';

const maxDurationMs = 30 * 86_400_000;

const windowSchema = closedObject({
  cron: Type.String({
    maxLength: 128,
    pattern: String.raw`^\s*\S+(\s+\S+){4,5}\s*$`,
    description: 'Cron expression of the start times, with five or six fields',
  }),
  durationMs: integer('Duration, in milliseconds', 1, maxDurationMs),
  timeZone: Type.Optional(text('IANA time zone; UTC if absent', 64)),
});

const backoffSchema = closedObject(
  {
    threshold: integer('Consecutive failures that start the back-off', 1, 1_000_000),
    initialMs: integer('First back-off, in milliseconds', 1, maxDurationMs),
    maxMs: integer('Maximum back-off, in milliseconds', 1, maxDurationMs),
  },
  withRules({ rule: 'self.initialMs <= self.maxMs', message: 'initialMs must be at most maxMs' }),
);

const specSchema = closedObject(
  {
    issuers: Type.Array(
      Type.String({ minLength: 1, maxLength: 1_100, description: 'A pattern; `*` matches any text' }),
      {
        minItems: 1,
        maxItems: 64,
        description:
          'Patterns of the issuers, matched against kind.group/namespace/name. The namespace of a cluster-wide issuer is empty',
      },
    ),
    precedence: Type.Optional(
      Type.Integer({
        minimum: -1_000_000,
        maximum: 1_000_000,
        format: 'int32',
        description:
          'Order of the policies that match the same issuer: field by field, the highest precedence wins, then the last name in alphabetical order. 0 if absent',
      }),
    ),
    ratePerSecond: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 100_000,
        description: 'Average number of renewals started per second; 0 for no limit',
      }),
    ),
    burst: Type.Optional(integer('Renewals that may start at once after an idle time', 1, 100_000)),
    maxInFlight: Type.Optional(integer('Maximum number of renewals started and without a result', 1, 1_000_000)),
    answerTimeoutMs: Type.Optional(
      integer('How long a renewal without a result keeps its slot, in milliseconds', 1_000, 86_400_000),
    ),
    jitter: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 0.5,
        description: 'Part of the lifetime before renew-at over which equal certificates are spread',
      }),
    ),
    maxJitterMs: Type.Optional(integer('Maximum of that spread, in milliseconds', 0, maxDurationMs)),
    priority: Type.Optional(integer('Lanes with a higher priority are processed first', 0, 9)),
    windows: Type.Optional(
      Type.Array(windowSchema, { maxItems: 64, description: 'Times in which renewals start; empty: always' }),
    ),
    backoff: Type.Optional(backoffSchema),
    paused: Type.Optional(
      Type.Boolean({
        description: 'Pauses the lanes of all matching issuers. One pausing policy is enough, whatever its precedence',
      }),
    ),
    pauseReason: Type.Optional(text('Reason of the pause; required with paused', 512)),
    pausedBy: Type.Optional(text('User who paused; set by the HTTP API, the page and the command line', 256)),
    pausedAt: Type.Optional(timestamp('Start of the pause')),
  },
  withRules({
    rule: '!has(self.paused) || !self.paused || has(self.pauseReason)',
    message: 'pauseReason is required with paused',
  }),
);

const statusSchema = Type.Object({
  ...statusFields,
  lanes: Type.Optional(integer('Number of lanes whose issuer matches')),
  pausedLanes: Type.Optional(integer('Number of these lanes that are paused, by any policy')),
  issuers: Type.Optional(
    Type.Array(text('Key of an issuer', 1_100), { maxItems: 20, description: 'The first matching issuers, by key' }),
  ),
  volumes: Type.Optional(integer('Volumes of these issuers')),
  waiting: Type.Optional(integer('Renewals that wait in these lanes')),
  inFlight: Type.Optional(integer('Renewals started and without a result')),
  pacePercent: Type.Optional(integer('The slowest pace of these lanes after failures, in percent of the rate', 0, 100)),
  lastError: Type.Optional(
    Type.Object({
      issuer: text('Key of the issuer', 1_100),
      time: timestamp('Time of the failure'),
      message: Type.String({ maxLength: 1_024, description: 'Message of the failure' }),
    }),
  ),
});

/** The spec of a LanePolicy. */
export type LanePolicySpec = Static<typeof specSchema>;

/** LanePolicy: limits and pause of the lanes of some issuers. */
export const lanePolicyKind: KindDefinition<typeof specSchema, typeof statusSchema> = {
  plural: 'lanepolicies',
  singular: 'lanepolicy',
  shortNames: ['lanepol'],
  description: 'Limits and pause of the renewals of some issuers.',
  spec: specSchema,
  status: statusSchema,
  columns: [
    { name: 'Lanes', type: 'integer', jsonPath: '.status.lanes' },
    { name: 'Rate', type: 'number', jsonPath: '.spec.ratePerSecond' },
    { name: 'In flight', type: 'integer', jsonPath: '.status.inFlight' },
    { name: 'Waiting', type: 'integer', jsonPath: '.status.waiting' },
    { name: 'Paused', type: 'string', jsonPath: ".status.conditions[?(@.type=='Paused')].status" },
    { name: 'Ready', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
    { name: 'Reason', type: 'string', jsonPath: '.spec.pauseReason', priority: 1 },
    { name: 'Issuers', type: 'string', jsonPath: '.spec.issuers', priority: 1 },
    { name: 'Last error', type: 'string', jsonPath: '.status.lastError.message', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  problems: (spec) => {
    const { paused, pauseReason, backoff } = spec as LanePolicySpec;
    return [
      ...(paused === true && pauseReason === undefined ? ['pauseReason is required with paused'] : []),
      ...(backoff !== undefined && backoff.initialMs > backoff.maxMs
        ? ['backoff: initialMs must be at most maxMs']
        : []),
    ];
  },
};
