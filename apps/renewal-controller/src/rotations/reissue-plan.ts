import type { CaRotationStatus } from '../intent/kinds/ca-rotation-kind.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { VolumeKey } from '../fleet-index/model/volume-key.ts';
import type { CaPair, IssuerGroup, RotationFacts } from './rotation-facts.ts';
import type { Round, TestedIssuer } from './rotation-object.ts';
import type { Wait } from './wait.ts';

/** The Renewal of a round. */
export interface RoundProgress {
  readonly isCompleted: boolean;
  /** Why the Renewal was rejected. */
  readonly rejection?: string;
}

export interface PlanInput {
  readonly status: CaRotationStatus;
  readonly facts: RotationFacts;
  readonly cas: CaPair;
  /** Undefined if the Renewal does not exist yet. */
  readonly progressOf: (round: Round) => RoundProgress | undefined;
  readonly volume: (key: VolumeKey) => IndexedVolume | undefined;
  /** Whether every volume of a node is reported. */
  readonly isComplete: (node: string) => boolean;
  /**
   * Whether the back-off of an issuer that has not switched is over, or the time that the result of a round may take to
   * be reported.
   */
  readonly isTestDue: (issuer: TestedIssuer, round?: number) => boolean;
}

/** The rounds of a rotation, as its status shall contain them, and what they wait for. */
export interface ReissuePlan {
  readonly rounds: readonly Round[];
  readonly issuers: readonly TestedIssuer[];
  readonly nextRound: number;
  /** The numbers of the rounds whose Renewals must be suspended. */
  readonly held: ReadonlySet<number>;
  readonly wait: Wait | undefined;
}

const maxTests = 200;
const maxReissueRounds = 4;
const maxRetried = 20;
/** A Renewal has at most 150,000 targets. */
const maxPerRound = 150_000;

/**
 * Plans which Renewals a rotation needs. Before an issuer's volumes are reissued, one of them is renewed to find out
 * which CA the issuer signs with; each such result starts one round. So an issuer that signs with the replaced CA, also
 * again during a round, costs one issuance per attempt and not one per volume. Pure; the result is stored before any
 * Renewal is created.
 */
export function planReissue(input: PlanInput): ReissuePlan {
  const { status } = input;
  const tested = (status.issuers ?? []).flatMap((entry) => settle(input, entry));
  const rounds = (status.rounds ?? []).filter((round) => round.purpose !== 'Retry' && isOpen(input, round, tested));
  const plan = new Plan(rounds, tested, status.nextRound ?? 1);
  if (!rounds.some(({ purpose }) => purpose === 'Test')) startTests(plan, input);
  startReissues(plan, input);
  return plan.result(heldRounds(plan), waitOf(plan, input));
}

/** Plans for a rotation that may only find out whether failures are over: a few failed volumes are renewed at a time. */
export function planRetry(input: PlanInput): ReissuePlan {
  const { status, facts } = input;
  const rounds = (status.rounds ?? []).filter((round) => input.progressOf(round)?.isCompleted !== true);
  const plan = new Plan(rounds, status.issuers ?? [], status.nextRound ?? 1);
  if (!rounds.some(({ purpose }) => purpose === 'Retry') && facts.failing.count > 0)
    plan.start({ purpose: 'Retry', volumes: facts.failing.first.slice(0, maxRetried).map(keyOf) });
  const held = new Set(plan.rounds.filter(({ purpose }) => purpose !== 'Retry').map(({ number }) => number));
  return plan.result(held, undefined);
}

class Plan {
  rounds: readonly Round[];
  issuers: readonly TestedIssuer[];
  nextRound: number;

  constructor(rounds: readonly Round[], issuers: readonly TestedIssuer[], nextRound: number) {
    this.rounds = rounds;
    this.issuers = issuers;
    this.nextRound = nextRound;
  }

  start(round: Omit<Round, 'number'>): void {
    this.rounds = [...this.rounds, { number: this.nextRound, ...round }];
    this.nextRound += 1;
  }

  result(held: ReissuePlan['held'], wait: Wait | undefined): ReissuePlan {
    return { rounds: this.rounds, issuers: this.issuers, nextRound: this.nextRound, held, wait };
  }
}

/** The entry of an issuer after what was reported; none if it has nothing to reissue, or its test must be repeated. */
function settle(input: PlanInput, entry: TestedIssuer): readonly TestedIssuer[] {
  const { facts, cas, volume, isComplete } = input;
  if (!facts.byIssuer.has(entry.issuer)) return [];
  const { issuer, attempts, target } = entry;
  if (entry.state !== 'Testing' || target === undefined) return [entry];
  const now = volume(target);
  // The volume left the fleet, or its node has not reported.
  if (now === undefined) return isComplete(target.node) ? [] : [entry];
  if (now.generation === target.generation) return hadNoEffect(input, entry, now) ? untested(entry) : [entry];
  const isOld = (now.certificate?.caFingerprints ?? []).some((each) => cas.leaving.has(each));
  if (!isOld) return [{ issuer, state: 'Switched', attempts }];
  // An agent that restarted counts from 1 again: this says nothing.
  if (now.generation < target.generation) return [];
  return [{ issuer, state: 'NotSwitched', attempts: attempts + 1 }];
}

/** The entry of an issuer whose test must be repeated; what an earlier one found remains. */
function untested({ issuer, attempts }: TestedIssuer): readonly TestedIssuer[] {
  return attempts === 0 ? [] : [{ issuer, state: 'NotSwitched', attempts }];
}

/**
 * Whether the Renewal of a test has completed without an attempt, for example because Redis had lost the volume when its
 * targets were selected. After a failed attempt, the agent retries by itself.
 */
function hadNoEffect(input: PlanInput, entry: TestedIssuer, { node, volumeId, failure }: IndexedVolume): boolean {
  const isOfRound = ({ purpose, volumes = [] }: Round): boolean =>
    purpose === 'Test' && volumes.some((each) => each.node === node && each.volumeId === volumeId);
  const round = input.status.rounds?.find(isOfRound);
  if (round === undefined || failure !== undefined || !input.isComplete(node)) return false;
  return input.progressOf(round)?.isCompleted === true && input.isTestDue(entry, round.number);
}

function isOpen({ progressOf }: PlanInput, round: Round, tested: readonly TestedIssuer[]): boolean {
  if (round.purpose !== 'Test') return progressOf(round)?.isCompleted !== true;
  const targets = new Set((round.volumes ?? []).map(({ node, volumeId }) => `${node}/${volumeId}`));
  return tested.some(({ target }) => target !== undefined && targets.has(`${target.node}/${target.volumeId}`));
}

function startTests(plan: Plan, { facts, isTestDue }: PlanInput): void {
  const known = new Map(plan.issuers.map((entry) => [entry.issuer, entry]));
  const candidates = [...facts.byIssuer].filter(([issuer, group]) => {
    const entry = known.get(issuer);
    return entry === undefined ? group.uncovered > 0 : entry.state === 'NotSwitched' && isTestDue(entry);
  });
  const free = maxTests - plan.issuers.length;
  const fresh = candidates.filter(([issuer]) => !known.has(issuer)).slice(0, free);
  const chosen = [...candidates.filter(([issuer]) => known.has(issuer)), ...fresh];
  if (chosen.length === 0) return;
  const entries = chosen.map(([issuer, group]) => testOf(issuer, group, known.get(issuer)?.attempts ?? 0));
  const replaced = new Set(chosen.map(([issuer]) => issuer));
  plan.issuers = [...plan.issuers.filter(({ issuer }) => !replaced.has(issuer)), ...entries];
  plan.start({ purpose: 'Test', volumes: chosen.map(([, { mostUrgent }]) => keyOf(mostUrgent)) });
}

function testOf(issuer: string, { mostUrgent }: IssuerGroup, attempts: number): TestedIssuer {
  return { issuer, state: 'Testing', attempts, target: { ...keyOf(mostUrgent), generation: mostUrgent.generation } };
}

/** Starts rounds for the issuers that have switched, and forgets their tests: a further round needs another test. */
function startReissues(plan: Plan, { facts, cas }: PlanInput): void {
  const switched = plan.issuers.filter(({ state }) => state === 'Switched');
  const wanted = switched.filter(({ issuer }) => uncoveredOf(facts, issuer) > 0);
  const idle = new Set(switched.filter((entry) => !wanted.includes(entry)));
  plan.issuers = plan.issuers.filter((entry) => !idle.has(entry));
  const free = maxReissueRounds - plan.rounds.filter(({ purpose }) => purpose === 'Reissue').length;
  const [caFingerprint] = [...facts.byFingerprint].sort(([, a], [, b]) => b - a)[0] ?? [];
  if (wanted.length === 0 || free <= 0 || caFingerprint === undefined) return;
  const isEveryIssuer = wanted.length === facts.byIssuer.size && facts.toReissue.count <= maxPerRound;
  const ordered = wanted.toSorted((a, b) => uncoveredOf(facts, b.issuer) - uncoveredOf(facts, a.issuer));
  const started = isEveryIssuer ? ordered : ordered.slice(0, free);
  if (isEveryIssuer) plan.start({ purpose: 'Reissue', caFingerprint });
  else for (const { issuer } of started) plan.start({ purpose: 'Reissue', issuer, ...caOf(cas, facts, issuer) });
  plan.issuers = plan.issuers.filter((entry) => !started.includes(entry));
}

function uncoveredOf({ byIssuer }: RotationFacts, issuer: string): number {
  return byIssuer.get(issuer)?.uncovered ?? 0;
}

/** The CA of an issuer's volumes; another one of the rotation is the subject of a further round. */
function caOf(cas: CaPair, { byIssuer }: RotationFacts, issuer: string): Pick<Round, 'caFingerprint'> {
  const { certificate } = byIssuer.get(issuer)?.mostUrgent ?? {};
  const caFingerprint = certificate?.caFingerprints.find((each) => cas.leaving.has(each));
  return caFingerprint === undefined ? {} : { caFingerprint };
}

/** Rounds with volumes of an issuer that was seen to sign with the replaced CA. */
function heldRounds({ rounds, issuers }: Plan): ReadonlySet<number> {
  const notSwitched = new Set(issuers.filter(isNotSwitched).map(({ issuer }) => issuer));
  const isHeld = ({ purpose, issuer }: Round): boolean =>
    purpose === 'Reissue' && (issuer === undefined ? notSwitched.size > 0 : notSwitched.has(issuer));
  return new Set(rounds.filter(isHeld).map(({ number }) => number));
}

/** Also while it is tested again. */
function isNotSwitched({ attempts, state }: TestedIssuer): boolean {
  return attempts > 0 && state !== 'Switched';
}

function waitOf({ rounds, issuers }: Plan, { progressOf }: PlanInput): Wait | undefined {
  const rejection = rounds.map((round) => progressOf(round)?.rejection).find((each) => each !== undefined);
  if (rejection !== undefined) return { reason: 'RenewalRejected', message: rejection, kind: 'problem' };
  const names = issuers
    .filter(isNotSwitched)
    .map(({ issuer }) => issuer)
    .sort();
  if (names.length === 0) return undefined;
  const text = names.length === 1 ? '1 issuer still signs' : `${names.length} issuers still sign`;
  return {
    reason: 'IssuerNotSwitched',
    message: `${text} with the CA to be replaced; switch the issuer, it is tested again`,
    kind: 'problem',
    issuers: names,
  };
}

const keyOf = ({ node, volumeId }: IndexedVolume): VolumeKey => ({ node, volumeId });
