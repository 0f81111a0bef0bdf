import type { Rotation } from '@certfleet/operator-api/rotations.ts';
import { formatCount } from '../ui/count.ts';

/** The phases that a rotation passes through, with what each counts. */
const shownPhases = ['Trust', 'Reissue', 'Verify', 'Retire'] as const;
type ShownPhase = (typeof shownPhases)[number];

export interface PhaseProgress {
  readonly phase: ShownPhase;
  readonly title: string;
  readonly done: number;
  readonly state: 'done' | 'current' | 'later';
}

const titles: Readonly<Record<ShownPhase, string>> = {
  Trust: 'CA files contain the roots of both CAs',
  Reissue: 'Volumes have a certificate of the new CA',
  Verify: 'Pods do not serve an earlier certificate',
  Retire: 'The replaced root has left the CA files',
};

const titlesBackward: Readonly<Record<ShownPhase, string>> = {
  ...titles,
  Reissue: 'Volumes have a certificate of the old CA again',
  Retire: 'The new root has left the CA files',
};

/** The progress of each phase; the counts of later phases say nothing yet. */
export function phaseProgress({ phase, direction, counts }: Rotation): readonly PhaseProgress[] {
  const { trusted, reissued, notLoaded, retired } = counts;
  const done = { Trust: trusted, Reissue: reissued, Verify: Math.max(0, reissued - notLoaded), Retire: retired };
  const isOver = phase === 'Completed' || phase === 'RolledBack';
  const current = shownPhases.findIndex((each) => each === phase);
  return shownPhases.map((each, i) => {
    const isDone = isOver || i < current;
    const state = isDone ? 'done' : i === current ? 'current' : 'later';
    const title = (direction === 'Backward' ? titlesBackward : titles)[each];
    return { phase: each, title, done: isDone ? counts.total : state === 'current' ? done[each] : 0, state };
  });
}

const phaseLabels: Readonly<Record<Rotation['phase'], string>> = {
  Pending: 'Pending',
  Trust: 'Trust',
  Reissue: 'Reissue',
  Verify: 'Verify',
  Retire: 'Retire',
  Completed: 'Completed',
  RolledBack: 'Rolled back',
  Failed: 'Failed',
};

/** The state of a rotation in a few words. */
export function stateLabel(rotation: Rotation): string {
  const { phase, direction, isSuspended, isProposed, isDeleted, isStalled } = rotation;
  const label = phaseLabels[phase];
  if (isProposed) return 'Proposed';
  if (isOver(phase)) return label;
  const notes = [
    ...(direction === 'Backward' ? ['rollback'] : []),
    ...(isDeleted ? ['deleted'] : []),
    ...(isSuspended ? ['suspended'] : isStalled ? ['stopped'] : []),
  ];
  return [label, ...notes].join(', ');
}

export const isOver = (phase: Rotation['phase']): boolean =>
  phase === 'Completed' || phase === 'RolledBack' || phase === 'Failed';

type RotationPods = NonNullable<Rotation['podCertificates']>;

/** How many pod certificates have which CA, in a sentence. */
export function podCounts({ total, reissued, unknown }: Pick<RotationPods, 'total' | 'reissued' | 'unknown'>): string {
  const known = `Pod certificates of the new CA: ${formatCount(reissued)} of ${formatCount(total)}`;
  return unknown === 0 ? known : `${known}, ${formatCount(unknown)} unknown until their next refresh`;
}

const bundleTexts: Readonly<Record<RotationPods['signers'][number]['bundle'], string>> = {
  Verified: 'its trust bundle contains both CAs',
  Incomplete: 'its trust bundle is incomplete',
  Missing: 'it has no trust bundle',
  NotVerifiable: 'its trust cannot be verified',
  Confirmed: 'its trust was confirmed',
  Unreadable: 'its trust bundle cannot be read',
};

/** Whether peers of a signer name trust both CAs. */
export function bundleText({ bundle, problem }: Pick<RotationPods['signers'][number], 'bundle' | 'problem'>): string {
  return problem === undefined ? bundleTexts[bundle] : `${bundleTexts[bundle]}: ${problem}`;
}
