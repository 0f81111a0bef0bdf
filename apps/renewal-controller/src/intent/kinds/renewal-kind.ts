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

/** Keeps the targets of the canary small. */
const maxCanary = 10_000;
const canaryMessage = 'canary cannot be added or removed, and canary.volumes is immutable';

const canarySchema = closedObject({
  volumes: integer('Volumes that are renewed first; the others wait for the approval', 1, maxCanary),
  approved: Type.Optional(
    Type.Boolean({ description: 'Also renews the other volumes; an approval cannot be withdrawn' }),
  ),
});

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
    canary: Type.Optional(canarySchema),
    stopAfterFailures: Type.Optional(
      integer('Failed attempts after which nothing more starts; a higher number continues', 1, 1_000_000),
    ),
    ttlSecondsAfterFinished: Type.Optional(
      integer('Time after the completion after which the object is deleted, in seconds', 0, 31_536_000),
    ),
  },
  withRules(...immutableRules(optional), {
    rule:
      'has(self.canary) == has(oldSelf.canary) && ' +
      '(!has(self.canary) || self.canary.volumes == oldSelf.canary.volumes)',
    message: canaryMessage,
  }),
);

const tally = (description: string, key: string) =>
  Type.Optional(
    Type.Array(Type.Object({ value: text(key, 1_100), count: integer('Number of volumes') }), {
      maxItems: 100,
      description,
    }),
  );

const targets = (description: string) =>
  Type.Array(
    Type.Object({
      node: text('Name of the node'),
      hashes: Type.String({ maxLength: 1_000_000, description: 'Hashes of volumes and generations, in Base64' }),
    }),
    { maxItems: 20_000, description },
  );

const statusSchema = Type.Object({
  ...statusFields,
  state: Type.Optional(
    Type.Enum(['Pending', 'Running', 'AwaitingApproval', 'Stopped', 'Suspended', 'Completed', 'Failed'], {
      description: 'Summary of the conditions',
    }),
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
  acceptedFailures: Type.Optional(
    integer('Failed attempts after which an operator resumed the renewal; stopAfterFailures counts from here'),
  ),
  targets: Type.Optional(
    targets(
      'What is renewed: the selected volumes, without those of the canary, at their generations at that time. The ' +
        'controller writes it',
    ),
  ),
  canary: Type.Optional(
    Type.Object(
      {
        total: integer('Volumes of the canary'),
        pending: integer('Volumes of the canary without a result, until the approval'),
        targets: targets('The volumes of the canary'),
        approvedBy: Type.Optional(text('User who approved the other volumes')),
        approvalTime: Type.Optional(timestamp('When the other volumes were approved')),
      },
      { description: 'What is renewed first' },
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
    const isCanaryChanged = before !== undefined && before.canary?.volumes !== now.canary?.volumes;
    const isUnselective = everything !== true && Object.keys(others).length === 0;
    return [
      ...(isUnselective ? [`selection: ${unselective}`] : []),
      ...(isCanaryChanged ? [canaryMessage] : []),
      ...(before === undefined ? [] : immutable.filter((name) => !isDeepStrictEqual(now[name], before[name]))).map(
        (name) => `${name} is immutable`,
      ),
    ];
  },
};
