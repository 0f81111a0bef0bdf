import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, oneOf, nonEmptyString, time, string } from './fields.ts';
import { fingerprintPattern } from './fingerprint.ts';
import { IssuerSchema } from './lanes.ts';
import { VolumeFilterSchema } from './volume-query.ts';
import { VolumePathSchema, VolumeRowSchema } from './volumes.ts';
import { renewalStates, renewalWaits } from './vocabulary.ts';

/** Selects the volumes that match all given criteria. */
export const SelectionSchema = Type.Object(
  {
    node: Type.Optional(nonEmptyString('Name of the node')),
    volumeId: Type.Optional(nonEmptyString('Id of the volume')),
    namespace: Type.Optional(nonEmptyString('Namespace of the pod')),
    pod: Type.Optional(nonEmptyString('Name of the pod')),
    labelSelector: Type.Optional(nonEmptyString('Label selector of pods, in the syntax of kubectl', 1024)),
    issuer: Type.Optional(IssuerSchema),
    issuedBefore: Type.Optional(time('Issued before this time (RFC 3339)')),
    caFingerprint: Type.Optional(
      Type.String({
        pattern: fingerprintPattern,
        description: 'SHA-256 of a certificate of the CA file, hexadecimal; colons and upper case are accepted',
      }),
    ),
    query: Type.Optional(VolumeFilterSchema),
    volumes: Type.Optional(
      Type.Array(VolumePathSchema, { minItems: 1, maxItems: 1000, description: 'These volumes, by node and id' }),
    ),
  },
  { additionalProperties: false },
);
export type SelectionRequest = Static<typeof SelectionSchema>;

/** Starts or previews a renewal on demand. */
export const RenewalRequestSchema = Type.Object(
  {
    selection: SelectionSchema,
    reason: nonEmptyString('Reason, shown with the progress and recorded in the audit log', 512),
    dryRun: Type.Optional(Type.Boolean({ description: 'Only counts the volumes that would be renewed' })),
    ignoreWindows: Type.Optional(Type.Boolean({ description: 'Starts renewals outside the windows too' })),
    canary: Type.Optional(
      Type.Integer({
        ...{ minimum: 1, maximum: 10_000 },
        description: 'Renews this many volumes first; the others wait for an approval',
      }),
    ),
    stopAfterFailures: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Stops after this many failed attempts' }),
    ),
    token: Type.Optional(
      nonEmptyString(
        'Token of the preview that the operator confirmed: volumes that match only since then are not renewed',
        128,
      ),
    ),
    requestId: Type.Optional(
      nonEmptyString('Chosen by the client; a repeated request with the same id returns the renewal of the first', 64),
    ),
    everything: Type.Optional(Type.Boolean({ description: 'Must be true for a selection without any criterion' })),
  },
  { additionalProperties: false },
);
export type RenewalRequest = Static<typeof RenewalRequestSchema>;

const tally = (description: string) =>
  Type.Array(Type.Object({ value: string('Issuer or node'), count: count('Number of volumes') }), { description });

/** Result of a dry run. */
export const RenewalPreviewSchema = Type.Object({
  dryRun: Type.Literal(true),
  count: count('Volumes that would be renewed'),
  skipped: count('Matching volumes without a certificate yet'),
  token: string('Identifies the volumes of this preview; the request of the renewal repeats it'),
  issuers: count('Issuers of these volumes'),
  nodes: count('Nodes of these volumes'),
  byIssuer: tally('By issuer key, largest first; at most 100'),
  byNode: tally('By node, largest first; at most 100'),
  volumes: Type.Array(
    Type.Object({
      ...VolumePathSchema.properties,
      namespace: string('Namespace of the pod'),
      pod: string('Name of the pod'),
    }),
    { description: 'The volumes; at most 50' },
  ),
});
export type RenewalPreview = Static<typeof RenewalPreviewSchema>;

/** Progress of a renewal on demand. */
export const RenewalSchema = Type.Object({
  id: string('Name of the Renewal object'),
  by: string('User who requested it'),
  reason: string('Reason that the user gave'),
  ignoreWindows: Type.Optional(Type.Boolean()),
  selection: string('Selection as text'),
  state: oneOf(renewalStates, 'State'),
  message: Type.Optional(string('Explanation of the state')),
  dryRun: Type.Optional(Type.Boolean({ description: 'Only counted the volumes' })),
  createdAt: time('Time of the request'),
  total: count('pending + renewed + gone + cancelled'),
  pending: count('Volumes not renewed yet'),
  renewed: count('Volumes renewed'),
  gone: count('Volumes that left the fleet before their renewal'),
  cancelled: count('Volumes cancelled before their renewal'),
  failures: count('Failed attempts; a failed volume is retried and stays pending'),
  stopAfterFailures: Type.Optional(count('Stops after this many failed attempts since it was last resumed')),
  canary: Type.Optional(
    Type.Object(
      {
        total: count('Volumes of the canary'),
        pending: Type.Optional(count('Volumes of the canary that are not renewed yet; absent after the approval')),
        approvedBy: Type.Optional(string('User who approved the other volumes')),
        approvedAt: Type.Optional(time('Time of the approval')),
      },
      { description: 'The volumes that are renewed first' },
    ),
  ),
});
export type Renewal = Static<typeof RenewalSchema>;

export const RenewalsSchema = Type.Object({
  renewals: Type.Array(RenewalSchema, { description: 'Renewals on demand of the last week, latest first' }),
});
export type Renewals = Static<typeof RenewalsSchema>;

/** A renewal with what its volumes wait for. */
export const RenewalDetailSchema = Type.Object({
  ...RenewalSchema.properties,
  at: time('Time of the comparison with the reports of the nodes; at most five seconds ago'),
  startedAt: Type.Optional(time('When the selection was made')),
  endedAt: Type.Optional(time('When the last volume was finished')),
  perMinute: Type.Optional(Type.Number({ description: 'Renewals per minute of the last five minutes' })),
  expectedEnd: Type.Optional(
    time('Expected end at this rate; absent while nothing is renewed, or a volume waits for an operator or its node'),
  ),
  waiting: Type.Array(
    Type.Object({
      reason: oneOf(renewalWaits, 'What these volumes wait for'),
      count: count('Pending volumes'),
      until: Type.Optional(time('Expected start of the last of them, if known')),
    }),
    { description: 'Pending volumes by what they wait for, most first' },
  ),
  volumes: Type.Array(VolumeRowSchema, { description: 'Pending volumes, failing ones first; at most 50' }),
});
export type RenewalDetail = Static<typeof RenewalDetailSchema>;
