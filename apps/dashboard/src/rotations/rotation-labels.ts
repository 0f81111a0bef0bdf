import type { Rotation } from '@certfleet/operator-api/rotations.ts';
import { format, t } from '../messages/messages.ts';

/** The phases that a rotation passes through, with what each counts. */
const shownPhases = ['Trust', 'Reissue', 'Verify', 'Retire'] as const satisfies readonly Rotation['phase'][];
type ShownPhase = (typeof shownPhases)[number];

export interface PhaseProgress {
  readonly phase: ShownPhase;
  readonly title: string;
  readonly done: number;
  readonly state: 'done' | 'current' | 'later';
}

/** The progress of each phase; the counts of later phases say nothing yet. */
export function phaseProgress({ phase, direction, counts }: Rotation): readonly PhaseProgress[] {
  const { trusted, reissued, notLoaded, retired } = counts;
  const done = { Trust: trusted, Reissue: reissued, Verify: Math.max(0, reissued - notLoaded), Retire: retired };
  const isOver = phase === 'Completed' || phase === 'RolledBack';
  const current = shownPhases.findIndex((each) => each === phase);
  return shownPhases.map((each, i) => {
    const isDone = isOver || i < current;
    const state = isDone ? 'done' : i === current ? 'current' : 'later';
    const title = t.rotations[direction === 'Backward' ? 'progressBackward' : 'progress'][each];
    return { phase: each, title, done: isDone ? counts.total : state === 'current' ? done[each] : 0, state };
  });
}

/** The state of a rotation in a few words. */
export function stateLabel(rotation: Rotation): string {
  const { phase, direction, isSuspended, isProposed, isDeleted, isStalled } = rotation;
  const { phases, notes } = t.rotations;
  const label = phases[phase];
  if (isProposed) return t.rotations.proposed;
  if (isOver(phase)) return label;
  return format.list([
    label,
    ...(direction === 'Backward' ? [notes.rollback] : []),
    ...(isDeleted ? [notes.deleted] : []),
    ...(isSuspended ? [notes.suspended] : isStalled ? [notes.stopped] : []),
  ]);
}

export const isOver = (phase: Rotation['phase']): boolean =>
  phase === 'Completed' || phase === 'RolledBack' || phase === 'Failed';

type RotationPods = NonNullable<Rotation['podCertificates']>;

/** How many pod certificates have which CA, in a sentence. */
export function podCounts({ total, reissued, unknown }: Pick<RotationPods, 'total' | 'reissued' | 'unknown'>): string {
  const { reissuedPods, reissuedAndUnknownPods } = t.rotations.pods;
  return unknown === 0 ? reissuedPods({ reissued, total }) : reissuedAndUnknownPods({ reissued, total, unknown });
}

/** Whether peers of a signer name trust both CAs. */
export function bundleText({ bundle, problem }: Pick<RotationPods['signers'][number], 'bundle' | 'problem'>): string {
  const { bundles, bundleProblem } = t.rotations.pods;
  return problem === undefined ? bundles[bundle] : bundleProblem({ bundle: bundles[bundle], problem });
}
