import { isDeepStrictEqual } from 'node:util';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { closedObject, integer, statusFields, text, timestamp, withRules } from '@certfleet/shared/kube/kind-schema.ts';
import type { KindDefinition } from '@certfleet/shared/kube/kind-schema.ts';
import { commonCriteria, hasOneOf, immutableRules } from './selection-schema.ts';

const criteria = {
  ...commonCriteria,
  caFingerprint: Type.Optional(
    Type.String({
      maxLength: 64,
      pattern: '^[0-9a-f]{64}$',
      description: 'SHA-256 of a certificate of the CA file, in lower-case hexadecimal',
    }),
  ),
  everything: Type.Optional(Type.Boolean({ description: 'Must be true for a selection without another criterion' })),
};
const names = Object.keys(criteria).filter((name) => name !== 'everything');
const unselective = 'a selection needs a criterion, or everything: true';

const selectionSchema = closedObject(
  criteria,
  withRules(
    { rule: 'self == oldSelf', message: 'selection is immutable' },
    {
      rule: `(has(self.everything) && self.everything) || ${hasOneOf(names)}`,
      message: unselective,
    },
  ),
);

/** Fields that never change after the creation, because the renewal may have started. */
const immutable = ['selection', 'reason', 'requester', 'dryRun', 'ignoreWindows'] as const;
const optional = ['requester', 'dryRun', 'ignoreWindows'] as const;

const specSchema = closedObject(
  {
    selection: selectionSchema,
    reason: Type.String({
      minLength: 1,
      maxLength: 512,
      description: 'Reason, shown with the progress and in the audit log',
      ...withRules({ rule: 'self == oldSelf', message: 'reason is immutable' }),
    }),
    requester: Type.Optional(text('User who requests the renewal; set by the HTTP API, the page and the command line')),
    dryRun: Type.Optional(Type.Boolean({ description: 'Only counts the volumes' })),
    suspend: Type.Optional(Type.Boolean({ description: 'Starts no further renewal while true' })),
    ignoreWindows: Type.Optional(Type.Boolean({ description: 'Starts renewals outside the windows of lanes too' })),
    ttlSecondsAfterFinished: Type.Optional(
      integer('Time after the completion after which the object is deleted, in seconds', 0, 31_536_000),
    ),
  },
  withRules(...immutableRules(optional)),
);

const tally = (description: string, key: string) =>
  Type.Optional(
    Type.Array(Type.Object({ value: text(key, 1_100), count: integer('Number of volumes') }), {
      maxItems: 100,
      description,
    }),
  );

const statusSchema = Type.Object({
  ...statusFields,
  state: Type.Optional(
    Type.Enum(['Pending', 'Running', 'Suspended', 'Completed', 'Failed'], { description: 'Summary of the conditions' }),
  ),
  progress: Type.Optional(Type.String({ maxLength: 64, description: 'Finished and selected volumes, as 40/100' })),
  total: Type.Optional(integer('Selected volumes')),
  pending: Type.Optional(integer('Volumes without a result')),
  renewed: Type.Optional(integer('Renewed volumes')),
  gone: Type.Optional(integer('Volumes that left the fleet before their renewal')),
  cancelled: Type.Optional(integer('Volumes whose renewal was cancelled before it started')),
  skipped: Type.Optional(integer('Matching volumes without a certificate yet')),
  failures: Type.Optional(integer('Failed attempts; a failed volume is retried and stays pending')),
  byIssuer: tally('Selected volumes by issuer, largest first', 'Key of the issuer'),
  byNode: tally('Selected volumes by node, largest first', 'Name of the node'),
  targets: Type.Optional(
    Type.Array(
      Type.Object({
        node: text('Name of the node'),
        hashes: Type.String({ maxLength: 1_000_000, description: 'Hashes of volumes and generations, in Base64' }),
      }),
      {
        maxItems: 20_000,
        description:
          'What is renewed: the selected volumes at their generations at that time. The controller writes it',
      },
    ),
  ),
  lastFailures: Type.Optional(
    Type.Array(
      Type.Object({
        node: text('Name of the node'),
        volumeId: text('Id of the volume'),
        namespace: Type.String({ maxLength: 256, description: 'Namespace of the pod' }),
        pod: Type.String({ maxLength: 256, description: 'Name of the pod' }),
        reason: Type.String({ maxLength: 256, description: 'Reason' }),
        message: Type.String({ maxLength: 1_024, description: 'Message' }),
        time: timestamp('Time of the failure'),
      }),
      { maxItems: 20, description: 'The latest failures, one per volume' },
    ),
  ),
  startTime: Type.Optional(timestamp('When the selection was made')),
  completionTime: Type.Optional(timestamp('When the last volume was finished')),
});

export type RenewalSpec = Static<typeof specSchema>;
export type RenewalStatus = Static<typeof statusSchema>;

/** Renewal: a renewal on demand of all volumes of a selection. */
export const renewalKind: KindDefinition<typeof specSchema, typeof statusSchema> = {
  plural: 'renewals',
  singular: 'renewal',
  shortNames: ['rnw'],
  description: 'A renewal on demand of the certificates of a selection.',
  spec: specSchema,
  status: statusSchema,
  columns: [
    { name: 'State', type: 'string', jsonPath: '.status.state' },
    { name: 'Progress', type: 'string', jsonPath: '.status.progress' },
    { name: 'Failures', type: 'integer', jsonPath: '.status.failures' },
    { name: 'Reason', type: 'string', jsonPath: '.spec.reason' },
    { name: 'Requester', type: 'string', jsonPath: '.spec.requester', priority: 1 },
    { name: 'Dry run', type: 'boolean', jsonPath: '.spec.dryRun', priority: 1 },
    { name: 'Suspend', type: 'boolean', jsonPath: '.spec.suspend', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  problems: (spec, previous) => {
    const now = spec as RenewalSpec;
    const before = previous as RenewalSpec | undefined;
    const { everything, ...others } = now.selection;
    const isUnselective = everything !== true && Object.keys(others).length === 0;
    return [
      ...(isUnselective ? [`selection: ${unselective}`] : []),
      ...(before === undefined ? [] : immutable.filter((name) => !isDeepStrictEqual(now[name], before[name]))).map(
        (name) => `${name} is immutable`,
      ),
    ];
  },
};
