import { isDeepStrictEqual } from 'node:util';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { closedObject, integer, statusFields, text, timestamp, withRules } from '@certfleet/shared/kube/kind-schema.ts';
import type { KindDefinition } from '@certfleet/shared/kube/kind-schema.ts';
import { podCertificatesSpec, podCertificatesStatus } from './rotation-pods-schema.ts';
import { caProblems, casDiffer, maxPem, rotationCas } from './rotation-cas-schema.ts';
import { commonCriteria, hasOneOf, immutableRules } from './selection-schema.ts';
import { threshold } from './threshold-schema.ts';

const thresholds = ['maxFailures', 'maxNotLoaded'] as const;

const selectionSchema = closedObject(
  commonCriteria,
  withRules({ rule: hasOneOf(Object.keys(commonCriteria)), message: 'a selection needs a criterion' }),
);

/** Phases that can wait for an approval. */
const gates = (description: string) =>
  Type.Array(Type.Enum(['Reissue', 'Retire']), { maxItems: 2, description, 'x-kubernetes-list-type': 'set' });

const immutable = ['from', 'to', 'selection', 'reason', 'requester'] as const;
const optional = ['selection', 'requester'] as const;
const rollbackMessage = 'a rollback cannot be withdrawn';

const specSchema = closedObject(
  {
    ...rotationCas,
    selection: Type.Optional(selectionSchema),
    reason: Type.String({
      minLength: 1,
      maxLength: 512,
      description: 'Reason, shown with the progress and in the audit log',
      ...withRules({ rule: 'self == oldSelf', message: 'reason is immutable' }),
    }),
    requester: Type.Optional(text('User who requests the rotation; set by the HTTP API and the command line')),
    suspend: Type.Optional(Type.Boolean({ description: 'Starts nothing and enters no further phase while true' })),
    rollback: Type.Optional(Type.Boolean({ description: 'Returns to the replaced CA; cannot be withdrawn' })),
    holdBefore: Type.Optional(gates('Phases that start only after an approval')),
    approved: Type.Optional(gates('Approved phases')),
    maxFailures: Type.Optional(
      threshold('Volumes that may fail, as a number or a percentage of the volumes; 5% by default'),
    ),
    maxNotLoaded: Type.Optional(
      threshold('Probed pods that may serve an earlier certificate, as a number or a percentage; 0 by default'),
    ),
    requireServed: Type.Optional(
      Type.Boolean({
        description:
          'Every probed pod must be seen to serve its certificate, also if the probe finds none; true by default',
      }),
    ),
    podCertificates: Type.Optional(podCertificatesSpec),
    ttlSecondsAfterFinished: Type.Optional(
      integer('Time after the completion after which the object is deleted, in seconds', 0, 31_536_000),
    ),
  },
  withRules(...immutableRules(optional), casDiffer, {
    rule: '!(has(oldSelf.rollback) && oldSelf.rollback) || (has(self.rollback) && self.rollback)',
    message: rollbackMessage,
  }),
);

const fingerprints = (description: string) =>
  Type.Array(Type.String({ maxLength: 64, pattern: '^[0-9a-f]{64}$' }), { maxItems: 16, description });

const volumeFields = {
  node: text('Name of the node'),
  volumeId: text('Id of the volume'),
};

const blockedVolume = Type.Object({
  ...volumeFields,
  namespace: Type.String({ maxLength: 256, description: 'Namespace of the pod' }),
  pod: Type.String({ maxLength: 256, description: 'Name of the pod' }),
  message: Type.Optional(Type.String({ maxLength: 512, description: 'Message of the last failure' })),
});

const target = Type.Object({ ...volumeFields, generation: integer('Generation of the certificate to be replaced') });

const statusSchema = Type.Object({
  ...statusFields,
  phase: Type.Optional(
    Type.Enum(['Pending', 'Trust', 'Reissue', 'Verify', 'Retire', 'Completed', 'RolledBack', 'Failed'], {
      description: 'Phase of the rotation',
    }),
  ),
  direction: Type.Optional(
    Type.Enum(['Forward', 'Backward'], { description: 'Backward: to the replaced CA, after a rollback' }),
  ),
  progress: Type.Optional(Type.String({ maxLength: 64, description: 'Volumes that passed the phase, as 40/100' })),
  waitingFor: Type.Optional(
    Type.String({ maxLength: 64, description: 'Reason for which the phase does not continue' }),
  ),
  certificates: Type.Optional(
    Type.Object(
      { from: Type.String({ maxLength: maxPem }), to: Type.String({ maxLength: maxPem }) },
      { description: 'Certificates of CAs that the spec names otherwise, as the fleet has them, in PEM' },
    ),
  ),
  trust: Type.Optional(
    Type.Object(
      {
        certificates: Type.Array(Type.String({ maxLength: maxPem }), {
          maxItems: 16,
          description: 'Roots of both CAs, in PEM',
        }),
        fingerprints: fingerprints('SHA-256 of the roots: the CA files that have one of them are concerned'),
        state: Type.Enum(['Add', 'Remove'], {
          description: 'Add: concerned CA files get all roots. Remove: they keep only those of their issuance',
        }),
        remove: fingerprints('SHA-256 of the roots that must leave'),
      },
      { description: 'What the agents add to CA files' },
    ),
  ),
  counts: Type.Optional(
    Type.Object({
      total: integer('Volumes with a certificate of either CA'),
      trusted: integer('Volumes whose CA file contains the roots of both CAs'),
      reissued: integer('Volumes with a certificate of the new CA'),
      served: integer('Volumes whose pod was seen to serve the new certificate'),
      notLoaded: integer('Volumes whose pod serves an earlier certificate'),
      failing: integer('Volumes whose renewal failed'),
      retired: integer('Volumes whose CA file does not contain the replaced root'),
      blocked: integer('Volumes or pod certificates that the phase waits for'),
    }),
  ),
  blocking: Type.Optional(
    Type.Object(
      {
        volumes: Type.Array(blockedVolume, { maxItems: 20, description: 'The first volumes' }),
        nodes: Type.Array(text('Name of the node'), {
          maxItems: 20,
          description: 'The first nodes that are silent or have not reported',
        }),
        issuers: Type.Array(text('Key of the issuer', 1_100), {
          maxItems: 20,
          description: 'The first issuers that still sign with the CA to be replaced',
        }),
      },
      { description: 'What the phase waits for' },
    ),
  ),
  issuers: Type.Optional(
    Type.Array(
      Type.Object({
        issuer: text('Key of the issuer', 1_100),
        state: Type.Enum(['Testing', 'NotSwitched', 'Switched'], { description: 'Result of the first renewal' }),
        attempts: integer('Renewals that still had the CA to be replaced'),
        target: Type.Optional(target),
      }),
      { maxItems: 200, description: 'Which CA issuers sign with, by the renewal of one volume' },
    ),
  ),
  rounds: Type.Optional(
    Type.Array(
      Type.Object({
        number: integer('Number of the round; the name of its Renewal contains it'),
        purpose: Type.Enum(['Test', 'Reissue', 'Retry'], { description: 'What is renewed' }),
        issuer: Type.Optional(text('Only volumes of this issuer', 1_100)),
        caFingerprint: Type.Optional(Type.String({ maxLength: 64, description: 'Only volumes of this CA' })),
        volumes: Type.Optional(Type.Array(Type.Object(volumeFields), { maxItems: 200 })),
      }),
      { maxItems: 8, description: 'Renewals in progress' },
    ),
  ),
  nextRound: Type.Optional(integer('Number of the next round')),
  podCertificates: Type.Optional(podCertificatesStatus),
  nodes: Type.Optional(
    Type.Array(text('Name of the node'), {
      maxItems: 20_000,
      description: 'Nodes with volumes of either CA; their reports are awaited also after a loss of Redis',
    }),
  ),
  startTime: Type.Optional(timestamp('When the first phase began')),
  phaseStartTime: Type.Optional(timestamp('When the phase began')),
  completionTime: Type.Optional(timestamp('When the rotation ended')),
});

export type CaRotationSpec = Static<typeof specSchema>;
export type CaRotationStatus = Static<typeof statusSchema>;

/** CARotation: the replacement of a CA in all volumes and pods that use it. */
export const caRotationKind: KindDefinition<typeof specSchema, typeof statusSchema> = {
  plural: 'carotations',
  singular: 'carotation',
  shortNames: ['carot'],
  description: 'The replacement of a CA: trust for both, reissue, verification, removal of the old root.',
  spec: specSchema,
  status: statusSchema,
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Progress', type: 'string', jsonPath: '.status.progress' },
    { name: 'Waiting for', type: 'string', jsonPath: '.status.waitingFor' },
    { name: 'Blocked', type: 'integer', jsonPath: '.status.counts.blocked' },
    { name: 'Pod certificates', type: 'string', jsonPath: '.status.podCertificates.progress' },
    { name: 'Direction', type: 'string', jsonPath: '.status.direction', priority: 1 },
    { name: 'Reason', type: 'string', jsonPath: '.spec.reason', priority: 1 },
    { name: 'Requester', type: 'string', jsonPath: '.spec.requester', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  problems: (spec, previous) => {
    const now = spec as CaRotationSpec;
    const before = previous as CaRotationSpec | undefined;
    return [
      ...caProblems(now),
      ...(now.selection !== undefined && Object.keys(now.selection).length === 0
        ? ['selection: a selection needs a criterion']
        : []),
      ...thresholds
        .filter((name) => !isThreshold(now[name]))
        .map((name) => `${name}: must be a number or a percentage`),
      ...(isThreshold(now.podCertificates?.maxUnknown)
        ? []
        : ['podCertificates.maxUnknown: must be a number or a percentage']),
      ...(before === undefined ? [] : changeProblems(now, before)),
    ];
  },
};

function isThreshold(value: number | string | undefined): boolean {
  return typeof value !== 'string' || /^[0-9]{1,3}%$/.test(value);
}

function changeProblems(now: CaRotationSpec, before: CaRotationSpec): readonly string[] {
  const changed = immutable.filter((name) => !isDeepStrictEqual(now[name], before[name]));
  const isWithdrawn = before.rollback === true && now.rollback !== true;
  return [...changed.map((name) => `${name} is immutable`), ...(isWithdrawn ? [rollbackMessage] : [])];
}
