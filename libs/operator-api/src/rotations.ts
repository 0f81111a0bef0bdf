import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, nonEmptyString, oneOf, string, time } from './fields.ts';
import { SelectionSchema } from './renewals.ts';
import { VolumePathSchema } from './volumes.ts';
import { bundleStates, rotationDirections, rotationGates, rotationPhases } from './vocabulary.ts';

const ca = (description: string) => nonEmptyString(description, 65_536);
const gates = (description: string) =>
  Type.Optional(Type.Array(oneOf(rotationGates, 'Phase'), { maxItems: rotationGates.length, description }));
const threshold = (description: string) =>
  Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.String({ pattern: '^[0-9]{1,3}%$' })], { description }));

/** Starts the rotation of a CA. */
export const RotationRequestSchema = Type.Object(
  {
    name: Type.Optional(nonEmptyString('Name of the CARotation object', 253)),
    from: ca('The CA that is replaced: its root in PEM, its SHA-256, or the key of an issuer whose volumes have it'),
    to: ca('The CA that replaces it: its roots in PEM, or its SHA-256 if volumes have it'),
    reason: nonEmptyString('Reason, shown with the progress and recorded in the audit log', 512),
    selection: Type.Optional(SelectionSchema),
    suspend: Type.Optional(Type.Boolean({ description: 'Starts nothing until the resume' })),
    holdBefore: gates('Phases that start only after an approval'),
    maxFailures: threshold('Volumes that may fail, as a number or a percentage'),
    maxNotLoaded: threshold('Probed pods that may serve an earlier certificate, as a number or a percentage'),
    requireServed: Type.Optional(
      Type.Boolean({ description: 'Every probed pod must be seen to serve its certificate' }),
    ),
    podCertificates: Type.Optional(
      Type.Object(
        {
          rollWorkloads: Type.Optional(
            Type.Boolean({
              description: 'Rolls the workloads of pods with a certificate of the replaced CA, once each',
            }),
          ),
          maxUnknown: threshold('Pod certificates whose CA may be unknown when the replaced root leaves'),
          confirmedSigners: Type.Optional(
            Type.Array(nonEmptyString('Signer name', 571), {
              maxItems: 50,
              description: 'Signer names whose peers trust both CAs, as the operator confirms',
            }),
          ),
          deliverySeconds: Type.Optional(
            Type.Integer({ minimum: 0, maximum: 3_600, description: 'Time in which kubelets write files into pods' }),
          ),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
export type RotationRequest = Static<typeof RotationRequestSchema>;

export const RotationApprovalSchema = Type.Object(
  { phase: oneOf(rotationGates, 'Phase that may start') },
  { additionalProperties: false },
);

const blocked = Type.Object({
  ...VolumePathSchema.properties,
  namespace: string('Namespace of the pod'),
  pod: string('Name of the pod'),
  message: Type.Optional(string('Message of the last failure')),
});

/** The pod certificates of a rotation. */
const podCertificates = Type.Object({
  total: count('Pod certificates of either CA, and those whose CA is not known'),
  reissued: count('Pod certificates of the new CA; of the replaced one after a rollback'),
  remaining: count('Pod certificates of the CA to be replaced'),
  unknown: count('Pod certificates whose CA is not known until their next refresh'),
  refreshBy: Type.Optional(time('Until when kubelets refresh those that remain, at the latest')),
  expireBy: Type.Optional(time('Until when those that remain are valid')),
  signers: Type.Array(
    Type.Object({
      name: string('Signer name'),
      reissued: count('Certificates of the new CA'),
      remaining: count('Certificates of the CA to be replaced'),
      unknown: count('Certificates whose CA is not known'),
      bundleName: string('Name of the ClusterTrustBundle'),
      bundle: oneOf(bundleStates, 'Whether the bundle contains the roots of both CAs'),
      problem: Type.Optional(string('What the bundle lacks')),
      leavingUntil: Type.Optional(time('Until when the signer keeps the replaced root in the bundle')),
    }),
    { description: 'The signer names with certificates of either CA' },
  ),
  awaited: Type.Array(
    Type.Object({
      namespace: string('Namespace of the pod'),
      pod: string('Name of the pod'),
      node: string('Node of the pod'),
      signer: string('Signer name'),
      message: string('What it waits for'),
    }),
    { description: 'The first 20 pods that the rotation waits for' },
  ),
  rolling: Type.Optional(string('The workload that is rolled now')),
  rolled: count('Workloads that were rolled'),
  notRolled: Type.Optional(string('Why no workload is rolled now')),
});

/** A rotation and its progress. */
export const RotationSchema = Type.Object({
  id: string('Name of the CARotation object'),
  by: string('User who requested it'),
  reason: string('Reason that the user gave'),
  phase: oneOf(rotationPhases, 'Phase'),
  direction: oneOf(rotationDirections, 'Backward: to the replaced CA, after a rollback'),
  isSuspended: Type.Boolean(),
  isProposed: Type.Boolean({
    description: 'The controller proposes it, because an issuer signs with another CA; resume or rollback decides',
  }),
  isDeleted: Type.Boolean({ description: 'The object remains until no pod needs the roots that were added' }),
  isStalled: Type.Boolean({ description: 'Somebody must solve a problem' }),
  waitingFor: Type.Optional(string('Why the phase does not continue, in CamelCase')),
  message: Type.Optional(string('Explanation of the state')),
  createdAt: time('Time of the request'),
  phaseStartedAt: Type.Optional(time('Start of the phase')),
  completedAt: Type.Optional(time('End of the rotation')),
  from: Type.Array(Type.String(), { description: 'SHA-256 of the roots of the replaced CA' }),
  to: Type.Array(Type.String(), { description: 'SHA-256 of the roots of the new CA' }),
  awaitsApproval: Type.Optional(oneOf(rotationGates, 'Phase that waits for an approval')),
  counts: Type.Object({
    total: count('Volumes with a certificate of either CA'),
    trusted: count('Volumes whose CA file contains the roots of both CAs'),
    reissued: count('Volumes with a certificate of the new CA; of the replaced one after a rollback'),
    served: count('Volumes whose pod was seen to serve the certificate'),
    notLoaded: count('Volumes whose pod serves an earlier certificate'),
    failing: count('Volumes whose renewal failed'),
    retired: count('Volumes whose CA file does not contain the root that leaves'),
    blocked: count('Volumes or pod certificates that the phase waits for'),
  }),
  podCertificates: Type.Optional(podCertificates),
  blocking: Type.Object({
    volumes: Type.Array(blocked, { description: 'The first 20' }),
    nodes: Type.Array(Type.String(), { description: 'The first 20 that are silent or have not reported' }),
    issuers: Type.Array(Type.String(), { description: 'The first 20 that sign with the CA to be replaced' }),
  }),
});
export type Rotation = Static<typeof RotationSchema>;

export const RotationsSchema = Type.Object({
  rotations: Type.Array(RotationSchema, { description: 'Latest first' }),
});
export type Rotations = Static<typeof RotationsSchema>;
