import { faultKinds, faults } from './faults.ts';
import type { FaultKind, FaultTarget } from './faults.ts';
import { agentBehaviours } from './agents/messages.ts';
import type { AgentBehaviour } from './agents/messages.ts';
import { itemAt, Random } from '../../support/random.ts';

/** A fault that a seed determines. Times in milliseconds from the round's start. */
export interface PlannedFault extends FaultTarget {
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly durationMs: number;
}

/** The number of possible targets. */
export interface PlanSizes {
  readonly replicas: number;
  readonly hosts: number;
  readonly issuers: number;
}

/** A round's time for faults and their number, by default one for each three seconds. */
export interface RoundSize {
  readonly faultMs: number;
  readonly count?: number;
}

/** A round: a time with faults, determined by the seed and the round's number. */
export interface RoundPlan {
  readonly round: number;
  readonly faultMs: number;
  readonly faults: readonly PlannedFault[];
  /** The behaviour of the hostile nodes throughout this round. */
  readonly hostile: readonly AgentBehaviour[];
  /** The issuer that fails again after the faults, while many renewals wait for it. */
  readonly crowdedIssuer: number;
}

const hostileNodes = 2;
const attempts = 50;

/** The plan of a round. Kinds are dealt like cards, so that every kind occurs within some rounds. */
export function planRound(seed: number, round: number, size: RoundSize, sizes: PlanSizes): RoundPlan {
  const random = new Random(seed, 'round', round);
  const { faultMs, count = Math.max(4, Math.round(faultMs / 3_000)) } = size;
  const planned: PlannedFault[] = [];
  // The longest faults are placed first, while there is space.
  const dealt = [...deal(seed, round * count, count)].sort((a, b) => faults[b].durationMs[0] - faults[a].durationMs[0]);
  for (const kind of dealt) {
    for (let tried = 0; tried < attempts; tried += 1) {
      const fault = place(kind, random, faultMs, sizes);
      if (planned.some((other) => collides(fault, other))) continue;
      planned.push(fault);
      break;
    }
  }
  const rude = agentBehaviours.filter((behaviours) => behaviours !== 'honest');
  return {
    round,
    faultMs,
    faults: planned.sort((a, b) => a.atMs - b.atMs),
    crowdedIssuer: (seed + round) % sizes.issuers,
    hostile: Array.from(
      { length: hostileNodes },
      (_, i) => rude[(round * hostileNodes + i + seed) % rude.length] ?? 'honest',
    ),
  };
}

/** Part of an endless sequence of shuffled decks. */
function deal(seed: number, from: number, count: number): readonly FaultKind[] {
  return Array.from({ length: count }, (_, i) => {
    const deck = Math.floor((from + i) / faultKinds.length);
    const cards = new Random(seed, 'deck', deck).shuffled(faultKinds);
    return itemAt(cards, (from + i) % faultKinds.length);
  });
}

function place(kind: FaultKind, random: Random, faultMs: number, sizes: PlanSizes): PlannedFault {
  const {
    durationMs: [low, high],
    resource,
  } = faults[kind];
  const counts = {
    replica: sizes.replicas,
    host: sizes.hosts,
    issuer: sizes.issuers,
    redis: 1,
    reviews: 1,
    operator: 1,
  };
  const durationMs = Math.min(random.between(low, high), faultMs);
  return {
    kind,
    durationMs,
    atMs: random.between(0, Math.max(0, faultMs - durationMs)),
    index: random.between(0, counts[resource] - 1),
    detail: random.next(),
  };
}

/** The target of a fault is not affected by others until a moment after. */
function collides(a: PlannedFault, b: PlannedFault): boolean {
  const restMs = 1_000;
  if (faults[a.kind].resource !== faults[b.kind].resource || a.index !== b.index) return false;
  return a.atMs < b.atMs + b.durationMs + restMs && b.atMs < a.atMs + a.durationMs + restMs;
}
