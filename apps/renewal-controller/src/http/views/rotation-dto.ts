import type { Rotation } from '@certfleet/operator-api/rotations.ts';
import { kubernetesUser } from '../../renewals/reconciler-parts.ts';
import { certificatesOf, readRotationCas } from '../../rotations/rotation-certificates.ts';
import { isProposed, phaseOf } from '../../rotations/rotation-object.ts';
import type { RotationObject } from '../../rotations/rotation-object.ts';

const noCounts = { total: 0, trusted: 0, reissued: 0, served: 0, notLoaded: 0, failing: 0, retired: 0, blocked: 0 };
const nothing = { volumes: [], nodes: [], issuers: [] };

/** The rotation as the API shows it. */
export function toRotationDto(object: RotationObject): Rotation {
  const { metadata, spec, status = {} } = object;
  const { from, to } = casOf(object);
  return {
    id: metadata.name,
    by: spec.requester ?? kubernetesUser,
    reason: spec.reason,
    phase: phaseOf(object),
    direction: status.direction ?? 'Forward',
    isSuspended: spec.suspend === true,
    isProposed: isProposed(object),
    isDeleted: metadata.deletionTimestamp !== undefined,
    isStalled: conditionOf(object, 'Stalled') !== undefined,
    ...(status.waitingFor !== undefined && { waitingFor: status.waitingFor }),
    ...messageOf(object),
    createdAt: metadata.creationTimestamp,
    ...timesOf(object),
    from,
    to,
    ...approvalOf(object),
    counts: status.counts ?? noCounts,
    ...podCertificatesOf(object),
    blocking: status.blocking ?? nothing,
  };
}

/** The fingerprints of both CAs; of one that is not found in the fleet yet, the one that the spec names. */
function casOf(object: RotationObject): Pick<Rotation, 'from' | 'to'> {
  const pems = certificatesOf(object);
  const cas = pems && readRotationCas(pems);
  if (cas !== undefined) return 'problem' in cas ? { from: [], to: [] } : { from: [...cas.from], to: [...cas.to] };
  const [from, to] = [object.spec.from, object.spec.to].map(({ fingerprint }) => fingerprint);
  return { from: from === undefined ? [] : [from], to: to === undefined ? [] : [to] };
}

function podCertificatesOf({ status = {} }: RotationObject): Pick<Rotation, 'podCertificates'> {
  const { podCertificates } = status;
  if (podCertificates === undefined) return {};
  const { total, reissued, remaining, unknown, refreshBy, expireBy } = podCertificates;
  const { signers, awaited, rolling, rolled = [], notRolled } = podCertificates;
  return {
    podCertificates: {
      ...{ total, reissued, remaining, unknown, signers, awaited, rolled: rolled.length },
      ...(refreshBy !== undefined && { refreshBy }),
      ...(expireBy !== undefined && { expireBy }),
      ...(rolling && { rolling: `${rolling.kind} ${rolling.namespace}/${rolling.name}` }),
      ...(notRolled !== undefined && { notRolled }),
    },
  };
}

function timesOf({ status = {} }: RotationObject): Pick<Rotation, 'phaseStartedAt' | 'completedAt'> {
  const { phaseStartTime, completionTime } = status;
  return {
    ...(phaseStartTime !== undefined && { phaseStartedAt: phaseStartTime }),
    ...(completionTime !== undefined && { completedAt: completionTime }),
  };
}

function approvalOf(object: RotationObject): Pick<Rotation, 'awaitsApproval'> {
  if (object.status?.waitingFor !== 'AwaitingApproval') return {};
  return { awaitsApproval: phaseOf(object) === 'Trust' ? 'Reissue' : 'Retire' };
}

function conditionOf({ status }: RotationObject, type: string): string | undefined {
  return status?.conditions?.find((each) => each.type === type && each.status === 'True')?.message;
}

/** The condition `Complete` explains a phase also while it is false. */
function messageOf(object: RotationObject): Pick<Rotation, 'message'> {
  const complete = object.status?.conditions?.find(({ type }) => type === 'Complete')?.message;
  const message = conditionOf(object, 'Failed') ?? complete;
  return message === undefined || message === '' ? {} : { message };
}
