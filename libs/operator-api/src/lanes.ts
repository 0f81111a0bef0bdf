import { Type } from 'typebox';
import type { Static } from 'typebox';
import { ByStateSchema, count, cursor, limit, oneOf, order, nonEmptyString, time, string } from './fields.ts';
import { laneSorts, laneStates } from './vocabulary.ts';

/** An issuer by the parts of its name. */
export const IssuerSchema = Type.Object({
  group: nonEmptyString('API group of the issuer, such as cert-manager.io'),
  kind: nonEmptyString('Issuer, ClusterIssuer, or a kind of an external issuer'),
  namespace: Type.String({ maxLength: 256, description: 'Empty for an issuer of the whole cluster' }),
  name: nonEmptyString('Name of the issuer'),
});

const number = (description: string) => Type.Number({ description });

/** The pace that an issuer can bear. */
const LanePolicySchema = Type.Object({
  ratePerSecond: number('Renewals started a second; 0 for no limit'),
  burst: count('Renewals that may start at once after a rest'),
  maxInFlight: count('Renewals started and not yet answered'),
  answerTimeoutMs: count('How long one without an answer takes a place'),
  jitter: number("Part of a certificate's lifetime over which equal ones are spread"),
  maxJitterMs: count('The longest such spread'),
  priority: count('Lanes of a higher one go first, 0 to 9'),
  windows: Type.Array(
    Type.Object({
      cron: string('When it opens'),
      durationMs: count('For how long'),
      timeZone: Type.Optional(string('IANA name; UTC when absent')),
    }),
  ),
  backoff: Type.Object({
    threshold: count('Failures in a row that make it the issuer’s fault'),
    initialMs: count('First rest'),
    maxMs: count('Longest rest'),
  }),
});

/** An issuer's lane as it stands. */
export const LaneSchema = Type.Object({
  id: string('Names the lane'),
  key: string('Key of the issuer, kind.group/namespace/name'),
  issuer: IssuerSchema,
  policy: LanePolicySchema,
  state: oneOf(laneStates, 'How it stands'),
  paused: Type.Optional(Type.Object({ by: string('Who waiting it'), reason: string('Why'), at: time('Since when') })),
  inFlight: count('Renewals started and not answered'),
  queued: count('Renewals with a slot in the line'),
  blocked: count('Renewals that wait for a place or for the end of a pause'),
  lineEndsAt: Type.Optional(time('When the last in the line has its turn')),
  backoffUntil: Type.Optional(time('Until when it rests after failures')),
  opensAt: Type.Optional(time('When its next window opens; absent inside one')),
  failureStreak: count('Failures in a row'),
  pace: number('The part of its pace that is in force, 1/64 to 1'),
  lastError: Type.Optional(Type.Object({ at: time('When'), message: string('What failed last') })),
  volumes: count('Volumes of the issuer'),
  byState: ByStateSchema,
});
export type Lane = Static<typeof LaneSchema>;

export const LaneQuerySchema = Type.Object(
  {
    search: Type.Optional(nonEmptyString("Part of the issuer's key; case does not matter")),
    state: Type.Optional(oneOf(laneStates, 'Only lanes that stand so')),
    sort: Type.Optional(oneOf(laneSorts, 'What the lanes are sorted by, issuer unless given')),
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
  next: Type.Optional(string('What to ask the next page `after`; absent on the last one')),
});
export type LanePage = Static<typeof LanePageSchema>;

export const PauseSchema = Type.Object(
  { reason: nonEmptyString('Shown with the lane', 512) },
  { additionalProperties: false },
);
