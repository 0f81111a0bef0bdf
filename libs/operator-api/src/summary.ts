import { Type } from 'typebox';
import type { Static } from 'typebox';
import { ByStateSchema, count, oneOf, time, string } from './fields.ts';

/** Something that wants a person's attention. */
const AttentionSchema = Type.Object({
  severity: oneOf(['critical', 'warning', 'info'], 'How much it matters'),
  kind: string('One word for what it is, such as failing or lane-paused'),
  text: string('What it is, in string'),
  count: count('How many of it'),
  since: Type.Optional(time('Since when')),
  link: string("Path and query of the page's view of it"),
});
export type Attention = Static<typeof AttentionSchema>;

/** The fleet at a glance. */
export const SummarySchema = Type.Object({
  at: time('When this was counted'),
  volumes: count('All volumes'),
  byState: ByStateSchema,
  soonestExpiry: Type.Optional(time('Not-after of the certificate that expires next, among those that have not')),
  agents: Type.Object({ online: count('Heard of lately'), silent: count('Not heard of lately') }),
  lanes: Type.Object({
    known: count('Lanes that renewals have passed'),
    paused: count('Held by a person'),
    backingOff: count('Resting after failures'),
  }),
  redis: Type.Object({
    reachable: Type.Boolean(),
    latencyMs: Type.Optional(Type.Number({ description: 'Round trip in milliseconds' })),
    evicts: Type.Optional(Type.Boolean({ description: 'Whether it may throw scheduled renewals away' })),
  }),
  attention: Type.Array(AttentionSchema, { description: 'The worst first' }),
});
export type Summary = Static<typeof SummarySchema>;
