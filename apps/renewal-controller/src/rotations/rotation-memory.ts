import { isDeepStrictEqual } from 'node:util';
import { doubledDelayMs } from '@certfleet/shared/doubled-delay.ts';
import type { VolumeCriterion } from '../fleet-index/query/volume-filter.ts';
import type { CaRotationStatus } from '../intent/kinds/ca-rotation-kind.ts';
import type { RotationObject, TestedIssuer } from './rotation-object.ts';
import type { Step } from './rotation-step.ts';

/** A phase begins when this much later the reports still say the same: a replica's view may be behind the index. */
const confirmMs = 1_500;
/** Interval between two writes of counts alone. */
const writeMs = 2_000;
/** Interval between resolutions of a label selector. */
const selectionMs = 30_000;
/** Wait before an issuer that signed with the replaced CA is tested again; doubled with each attempt. */
const firstTestMs = 10_000;
const maxTestMs = 600_000;

/** The time in which a renewal that an agent has begun usually has a result. */
const begunRenewalsMs = 60_000;

/** Before certificates of another CA are issued, and before a root leaves. */
export function isRisky(phase: CaRotationStatus['phase']): boolean {
  return phase === 'Reissue' || phase === 'Retire';
}

interface ConfirmTimes {
  readonly nowMs: number;
  /** The longest time in which a report, or a file of a kubelet, may still be on its way. */
  readonly settleMs: number;
}

interface TestTime {
  /** Of the rotation. */
  readonly generation: number;
  readonly round?: number | undefined;
  readonly nowMs: number;
}

/** What a replica remembers about a rotation; can be lost. Times are monotonic. */
export class RotationMemory {
  #next = '';
  #nextAtMs = 0;
  #writtenAtMs = -Infinity;
  #goesSinceMs: number | undefined;
  #selection: { readonly criterion: VolumeCriterion; readonly atMs: number } | undefined;
  readonly #tests = new Map<string, { readonly key: string; readonly atMs: number }>();

  /**
   * Whether the same next phase was decided some time ago, and since then. Before certificates of another CA are
   * issued, and before a root leaves, this takes as long as a node may be silent: by then every report about a volume of
   * that time has arrived, or its node is silent.
   */
  isConfirmed(
    before: RotationObject,
    { phase, direction }: CaRotationStatus,
    { nowMs, settleMs }: ConfirmTimes,
  ): boolean {
    const next = `${phase} ${direction}`;
    if (next !== this.#next) [this.#next, this.#nextAtMs] = [next, nowMs];
    // A removed root that is needed again must not wait.
    if (before.status?.phase === 'Retire' && phase === 'Trust') return true;
    return nowMs - this.#nextAtMs >= (isRisky(phase) ? Math.max(confirmMs, settleMs) : confirmMs);
  }

  /**
   * Whether a deleted rotation may go: it was safe for as long as a node may be silent, and as renewals that agents had
   * begun may take.
   */
  mayGo({ status }: RotationObject, { nowMs, settleMs }: ConfirmTimes): boolean {
    this.#goesSinceMs ??= nowMs;
    const renewalsMs = status?.phase === 'Trust' ? 0 : begunRenewalsMs;
    return nowMs - this.#goesSinceMs >= settleMs + renewalsMs;
  }

  mustStay(): void {
    this.#goesSinceMs = undefined;
  }

  unconfirm(): void {
    this.#next = '';
  }

  /** Limits the writes of a status in which only counts have changed. */
  mayWrite({ status = {} }: RotationObject, step: Step, nowMs: number): boolean {
    const isSame = (name: 'waitingFor' | 'rounds' | 'issuers'): boolean =>
      isDeepStrictEqual(status[name], step.status[name]);
    if (isSame('waitingFor') && isSame('rounds') && isSame('issuers') && nowMs - this.#writtenAtMs < writeMs)
      return false;
    this.#writtenAtMs = nowMs;
    return true;
  }

  /**
   * Whether the back-off of an issuer is over, or of a round that may still have a result. A change of the rotation's spec
   * ends it, such as a resume.
   */
  isTestDue({ issuer, attempts }: TestedIssuer, { generation, round = 0, nowMs }: TestTime): boolean {
    const key = `${generation} ${attempts} ${round}`;
    const known = this.#tests.get(issuer);
    if (known?.key !== key) {
      this.#tests.set(issuer, { key, atMs: nowMs });
      return known !== undefined && !known.key.startsWith(`${generation} `);
    }
    return nowMs - known.atMs >= doubledDelayMs(firstTestMs, Math.max(0, attempts - 1), maxTestMs);
  }

  /** The criterion of a selection, resolved at most every 30 seconds. */
  async selection(nowMs: number, resolve: () => Promise<VolumeCriterion>): Promise<VolumeCriterion> {
    if (this.#selection === undefined || nowMs - this.#selection.atMs >= selectionMs)
      this.#selection = { criterion: await resolve(), atMs: nowMs };
    return this.#selection.criterion;
  }
}
