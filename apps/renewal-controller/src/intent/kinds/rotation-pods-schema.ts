import { Type } from 'typebox';
import type { TString } from 'typebox';
import { closedObject, integer, text, timestamp } from '@certfleet/shared/kube/kind-schema.ts';
import { threshold } from './threshold-schema.ts';

const signerName = (description = 'Signer name'): TString => Type.String({ minLength: 1, maxLength: 571, description });

/** The fields of what a rotation does with pod certificates. */
export const podCertificatesSpec = closedObject(
  {
    rollWorkloads: Type.Optional(
      Type.Boolean({
        description:
          'In the phase Reissue, rolls the workloads of pods whose certificate has the CA to be replaced, one after the other within their PodDisruptionBudgets, each at most once; false by default. Needs controller.rollouts',
      }),
    ),
    maxUnknown: Type.Optional(
      threshold(
        'Pod certificates whose CA may be unknown when the old root leaves, as a number or a percentage; 0 by default',
      ),
    ),
    confirmedSigners: Type.Optional(
      Type.Array(signerName('A signer name without a ClusterTrustBundle of certfleet'), {
        maxItems: 50,
        description: 'Signer names whose peers trust both CAs, as the operator confirms: it cannot be verified',
        'x-kubernetes-list-type': 'set',
      }),
    ),
    deliverySeconds: Type.Optional(
      integer(
        'Time in which kubelets write files that have changed into pods, before the phases Reissue and Retire, in seconds; 300 by default',
        0,
        3_600,
      ),
    ),
  },
  { description: 'How the certificates are replaced that kubelets request for pods' },
);

const workloadFields = {
  kind: Type.Enum(['Deployment', 'StatefulSet', 'DaemonSet'], { description: 'Kind of the workload' }),
  namespace: text('Namespace of the workload'),
  name: text('Name of the workload'),
  uid: text('UID of the workload'),
};

/** The pod certificates of a rotation. */
export const podCertificatesStatus = Type.Object(
  {
    total: integer('Pod certificates of either CA, and those whose CA is not known'),
    reissued: integer('Pod certificates of the new CA'),
    remaining: integer('Pod certificates of the CA to be replaced'),
    unknown: integer('Pod certificates whose CA is not known until their next refresh'),
    progress: Type.String({ maxLength: 64, description: 'Pod certificates with the new CA, as 40/100' }),
    refreshBy: Type.Optional(timestamp('Until when kubelets refresh those that remain, at the latest')),
    expireBy: Type.Optional(timestamp('Until when those that remain are valid')),
    signers: Type.Array(
      Type.Object({
        name: signerName(),
        reissued: integer('Certificates of the new CA'),
        remaining: integer('Certificates of the CA to be replaced'),
        unknown: integer('Certificates whose CA is not known'),
        bundleName: text('Name of the ClusterTrustBundle', 600),
        bundle: Type.Enum(['Verified', 'Incomplete', 'Missing', 'NotVerifiable', 'Confirmed', 'Unreadable'], {
          description: 'Whether the ClusterTrustBundle of the signer name contains the roots of both CAs',
        }),
        problem: Type.Optional(Type.String({ maxLength: 512, description: 'What the bundle lacks' })),
        leavingUntil: Type.Optional(
          Type.String({
            maxLength: 64,
            description: 'Until when the signer keeps the replaced root in the bundle; absent once it has left',
          }),
        ),
      }),
      { maxItems: 50, description: 'The signer names with certificates of either CA' },
    ),
    awaited: Type.Array(
      Type.Object({
        namespace: Type.String({ maxLength: 256, description: 'Namespace of the pod' }),
        pod: Type.String({ maxLength: 256, description: 'Name of the pod' }),
        node: Type.String({ maxLength: 256, description: 'Node of the pod' }),
        signer: signerName(),
        message: Type.String({ maxLength: 512, description: 'What it waits for' }),
      }),
      { maxItems: 20, description: 'The first pods that the rotation waits for' },
    ),
    rolling: Type.Optional(
      Type.Object(
        {
          ...workloadFields,
          mark: text('Value of the annotation of its pod template', 128),
          generation: integer('Generation of the workload before'),
        },
        { description: 'The workload that is rolled now' },
      ),
    ),
    notRolled: Type.Optional(
      Type.String({ maxLength: 512, description: 'Why no workload is rolled now, though pods need it' }),
    ),
    rolled: Type.Optional(
      Type.Array(Type.String({ maxLength: 20 }), {
        maxItems: 10_000,
        description: 'Hashes of the UIDs of the workloads that were rolled, each at most once',
      }),
    ),
    tested: Type.Optional(
      Type.Array(signerName(), {
        maxItems: 50,
        description: 'Signer names of which one workload was rolled to find out which CA they sign with',
      }),
    ),
  },
  { description: 'Pod certificates of the rotation' },
);
