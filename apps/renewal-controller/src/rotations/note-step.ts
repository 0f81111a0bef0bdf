import type { AuditedAction } from '../audit/audit-log.ts';
import { kubernetesUser } from '../renewals/reconciler-parts.ts';
import type { RotationReconcilerParts } from './reconciler-parts.ts';
import { phaseOf } from './rotation-object.ts';
import type { RotationObject } from './rotation-object.ts';
import type { Wait } from './wait.ts';

interface Noted {
  readonly stored: RotationObject;
  readonly wait: Wait | undefined;
  readonly failure?: { readonly reason: string; readonly message: string };
}

type Parts = Pick<RotationReconcilerParts, 'recordEvent' | 'audit' | 'apiActions' | 'announce' | 'logger'>;

/** Records what a stored step has changed: Events, audit entries and a notice to open pages. */
export async function noteStep(parts: Parts, before: RotationObject, noted: Noted): Promise<void> {
  const { stored } = noted;
  await parts.announce(['rotations']);
  noteEvents(parts, before, noted);
  for (const { action, detail } of actionsOf(before, noted)) {
    if (await isByApi(parts, stored, action)) continue;
    const { metadata, spec } = stored;
    await parts.audit.write({
      who: kubernetesUser,
      action,
      target: `rotation ${metadata.name}`,
      reason: spec.reason,
      ...(detail !== undefined && { detail, outcome: 'refused' }),
    });
  }
}

function noteEvents(parts: Parts, before: RotationObject, { stored, wait, failure }: Noted): void {
  if (failure !== undefined) parts.recordEvent(stored, { type: 'Warning', ...failure });
  else notePhase(parts, before, stored);
  if (wait === undefined || wait.reason === before.status?.waitingFor || wait.kind === 'progress') return;
  const names = namesOf(wait);
  const message = names === '' ? wait.message : `${wait.message}: ${names}`;
  parts.recordEvent(stored, { type: wait.kind === 'operator' ? 'Normal' : 'Warning', reason: wait.reason, message });
}

function notePhase({ recordEvent, logger }: Parts, before: RotationObject, stored: RotationObject): void {
  const [phase, earlier] = [phaseOf(stored), phaseOf(before)];
  const { direction, counts } = stored.status ?? {};
  const isRollback = direction === 'Backward' && before.status?.direction !== 'Backward';
  if (!isRollback && phase === earlier) return;
  const isReturn = earlier === 'Retire' && phase === 'Trust' && !isRollback;
  recordEvent(stored, {
    type: isReturn ? 'Warning' : 'Normal',
    reason: isRollback ? 'RollbackStarted' : eventReasons[phase],
    message: isReturn ? 'a certificate of the replaced CA is in use: its root is added again' : eventTexts[phase],
  });
  logger.info({ rotation: stored.metadata.name, phase, direction, ...counts }, 'ca rotation phase');
}

function namesOf({ volumes, nodes = [], issuers = [], names = [] }: Wait): string {
  const pods = (volumes?.first ?? []).map(({ namespace, pod, volumeId }) => `${namespace}/${pod} (${volumeId})`);
  return [...issuers, ...names, ...pods, ...nodes].slice(0, 20).join(', ');
}

const eventReasons = {
  Pending: 'Pending',
  Trust: 'TrustStarted',
  Reissue: 'ReissueStarted',
  Verify: 'VerifyStarted',
  Retire: 'RetireStarted',
  Completed: 'Completed',
  RolledBack: 'RolledBack',
  Failed: 'Failed',
} as const;

const eventTexts = {
  Pending: 'the rotation has not begun',
  Trust: 'CA files get the roots of both CAs',
  Reissue: 'volumes get certificates of the new CA',
  Verify: 'probed pods must serve their certificates',
  Retire: 'the replaced root leaves the CA files',
  Completed: 'the replaced root has left every CA file',
  RolledBack: 'the rotation is rolled back',
  Failed: 'the rotation cannot be carried out',
} as const;

interface Noteworthy {
  readonly action: AuditedAction['action'];
  /** Of a refusal. */
  readonly detail?: string;
}

/** What somebody has done to the object; the API records its own actions. */
function actionsOf(before: RotationObject, { stored, failure }: Noted): readonly Noteworthy[] {
  if (failure !== undefined) return [{ action: 'rotate', detail: failure.message }];
  const [was, is] = [before.status ?? {}, stored.status ?? {}];
  const isBegun = was.startTime === undefined && is.startTime !== undefined;
  const changes: readonly (readonly [AuditedAction['action'], boolean])[] = [
    ['rotate', isBegun && stored.spec.requester === undefined],
    ['rollback', was.direction !== 'Backward' && is.direction === 'Backward'],
    ['suspend', was.waitingFor !== 'Suspended' && is.waitingFor === 'Suspended'],
    ['resume', was.waitingFor === 'Suspended' && is.waitingFor !== 'Suspended'],
  ];
  return changes.filter(([, isDone]) => isDone).map(([action]) => ({ action }));
}

async function isByApi(
  { apiActions }: Parts,
  { metadata }: RotationObject,
  action: AuditedAction['action'],
): Promise<boolean> {
  if (action !== 'suspend' && action !== 'resume' && action !== 'rollback') return false;
  return await apiActions.isNoted(metadata.uid, action);
}
