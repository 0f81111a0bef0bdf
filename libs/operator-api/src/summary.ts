import { Type } from 'typebox';
import type { Static } from 'typebox';
import { ByStateSchema, count, ofKind, oneOf, time, string } from './fields.ts';
import { PodCertificateSummarySchema } from './pod-certificates.ts';
import { postureFacts } from './posture-limits.ts';
import { problemWith } from './problems.ts';
import { verdictLevels } from './vocabulary.ts';

const link = string('Path and query of the page that shows it');

/** A problem that needs an operator's attention. */
const AttentionSchema = problemWith({
  severity: oneOf(['critical', 'warning', 'info'], 'Severity'),
  count: count('Number of affected objects'),
  since: Type.Optional(time('Start of the problem')),
  expires: Type.Optional(time('Not-after of the affected certificate that expires next')),
  link,
});
export type Attention = Static<typeof AttentionSchema>;

/** The answer to "is everything all right?". */
export const VerdictSchema = Type.Object({
  level: oneOf(
    verdictLevels,
    'The fleet in one word; unknown if the counts may be outdated, or pod certificates are unknown and there is no problem',
  ),
  reasons: Type.Array(problemWith({ since: Type.Optional(time('Start of the problem')), link }), {
    description: 'Why the level is not ok, the most severe first; at most five',
  }),
  more: count('Further reasons'),
});
export type Verdict = Static<typeof VerdictSchema>;

const PostureSummarySchema = Type.Object({
  violations: Type.Array(
    ofKind(postureFacts, {
      text: string('What the limit excludes, in English'),
      count: count('Volumes whose certificate violates the limit'),
      link: string('Path and query of the page that shows them'),
    }),
    { description: 'One entry per limit of the chart, in a fixed order' },
  ),
  unknown: count('Volumes with a certificate whose agent reports only its lifetime'),
});
export type PostureSummary = Static<typeof PostureSummarySchema>;

/** Summary of the fleet. */
export const SummarySchema = Type.Object({
  at: time('Time of the counts'),
  cluster: Type.Optional(string('Name of the cluster')),
  volumes: count('All volumes'),
  byState: ByStateSchema,
  soonestExpiry: Type.Optional(time('Not-after of the unexpired certificate that expires next')),
  agents: Type.Object({
    online: count('Agents with recent heartbeats'),
    silent: count('Agents that missed their heartbeats'),
  }),
  lanes: Type.Object({
    known: count('Lanes that renewals have used'),
    paused: count('Lanes paused by an operator'),
    backingOff: count('Lanes backing off after failures'),
  }),
  redis: Type.Object({
    reachable: Type.Boolean(),
    latencyMs: Type.Optional(Type.Number({ description: 'Round-trip time in milliseconds' })),
    evicts: Type.Optional(Type.Boolean({ description: 'Whether Redis may evict scheduled renewals' })),
  }),
  verdict: VerdictSchema,
  atRisk: count('Volumes whose renewal is not certain; see `risk` of a volume'),
  atRiskByState: ByStateSchema,
  posture: PostureSummarySchema,
  podCertificates: Type.Optional(PodCertificateSummarySchema),
  attention: Type.Array(AttentionSchema, { description: 'Most severe first, then by the time left' }),
});
export type Summary = Static<typeof SummarySchema>;
