import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, oneOf, nonEmptyString, time, string } from './fields.ts';
import { IssuerSchema } from './lanes.ts';
import { VolumeFilterSchema } from './volume-query.ts';
import { VolumePathSchema } from './volumes.ts';

/** Which volumes are meant; every criterion that is given must hold. */
const SelectionSchema = Type.Object(
  {
    node: Type.Optional(nonEmptyString('Name of the node')),
    volumeId: Type.Optional(nonEmptyString('Id of the volume')),
    namespace: Type.Optional(nonEmptyString('Namespace of the pod')),
    pod: Type.Optional(nonEmptyString('Name of the pod')),
    labelSelector: Type.Optional(nonEmptyString('Label selector of pods, as kubectl takes it', 1024)),
    issuer: Type.Optional(IssuerSchema),
    issuedBefore: Type.Optional(time('Issued before this time (RFC 3339)')),
    caFingerprint: Type.Optional(
      Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of a certificate of the CA file, hexadecimal' }),
    ),
    query: Type.Optional(VolumeFilterSchema),
    volumes: Type.Optional(
      Type.Array(VolumePathSchema, { minItems: 1, maxItems: 1000, description: 'These, by node and id' }),
    ),
  },
  { additionalProperties: false },
);
export type SelectionRequest = Static<typeof SelectionSchema>;

/** Has volumes renewed now, or counts them. */
export const RenewalRequestSchema = Type.Object(
  {
    selection: SelectionSchema,
    reason: nonEmptyString('Shown with the progress and kept in the audit log', 512),
    dryRun: Type.Optional(Type.Boolean({ description: 'Counts what would be renewed; nothing happens' })),
    ignoreWindows: Type.Optional(Type.Boolean({ description: 'Does not wait for renewal windows' })),
    everything: Type.Optional(Type.Boolean({ description: 'Must be true for a selection without any criterion' })),
  },
  { additionalProperties: false },
);
export type RenewalRequest = Static<typeof RenewalRequestSchema>;

const tally = (description: string) =>
  Type.Array(Type.Object({ value: string('Which'), count: count('How many') }), { description });

/** What a renewal would touch. */
export const RenewalPreviewSchema = Type.Object({
  dryRun: Type.Literal(true),
  count: count('Volumes that would be renewed'),
  skipped: count('Volumes that match but hold no certificate yet'),
  byIssuer: tally('By key of the issuer, the most first; at most 100'),
  byNode: tally('By node, the most first; at most 100'),
});
export type RenewalPreview = Static<typeof RenewalPreviewSchema>;

/** How far a renewal has come. */
export const RenewalSchema = Type.Object({
  id: string('Names the renewal'),
  by: string('Who asked'),
  reason: string('Why'),
  ignoreWindows: Type.Optional(Type.Boolean()),
  selection: string('What was selected, in string'),
  state: oneOf(['starting', 'running', 'cancelled', 'finished'], 'How it stands'),
  createdAt: time('When it was asked for'),
  total: count('pending + renewed + gone + cancelled'),
  pending: count('Not renewed yet'),
  renewed: count('Renewed'),
  gone: count('Volumes that left the fleet before their turn'),
  cancelled: count('Taken back before their turn'),
  failures: count('Failed tries so far; what failed is tried again and stays pending'),
});
export type Renewal = Static<typeof RenewalSchema>;

export const RenewalsSchema = Type.Object({
  renewals: Type.Array(RenewalSchema, { description: 'Those of the last week, the latest first' }),
});
export type Renewals = Static<typeof RenewalsSchema>;
