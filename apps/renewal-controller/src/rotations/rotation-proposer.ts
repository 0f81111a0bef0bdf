import { setImmediate } from 'node:timers/promises';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { CaRotationSpec } from '../intent/kinds/ca-rotation-kind.ts';
import { shortHash } from '../redis/redis-keys.ts';
import { RepeatedWork } from '@certfleet/shared/repeated-work.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';
import { CaChangeCollector } from './ca-changes.ts';
import type { CaChange } from './ca-changes.ts';
import type { FleetCas } from './fleet-cas.ts';
import type { ProposalMemory } from './proposal-memory.ts';
import type { RotationReconcilerParts } from './reconciler-parts.ts';
import { certificatesOf, readRotationCas } from './rotation-certificates.ts';
import type { RotationCas } from './rotation-certificates.ts';
import { isFinished, isProposed, proposalLabel } from './rotation-object.ts';
import type { RotationObject } from './rotation-object.ts';

/** What happens when an issuer signs with another CA than before. */
export type CaChangeAction = 'off' | 'propose' | 'start';

export interface RotationProposerParts extends Pick<
  RotationReconcilerParts,
  | 'store'
  | 'view'
  | 'isViewCurrent'
  | 'readIndex'
  | 'audit'
  | 'announce'
  | 'recordEvent'
  | 'clock'
  | 'logger'
  | 'silentAfterMs'
> {
  readonly action: CaChangeAction;
  readonly fleetCas: Pick<FleetCas, 'certificatesOf'>;
  readonly memory: ProposalMemory;
}

const passMs = 10_000;
/** Beyond this number of volumes, other work has its turn. */
const volumesAtOnce = 2_000;
/** Proposals that nobody has decided about. */
const maxOpen = 5;
/** Of a proposal that was rejected, so that it is not made again; the longest time that an object can have. */
const ttlSecondsAfterFinished = 31_536_000;
const maxReason = 512;

/** The requester of the rotations that the controller creates. */
const proposer = 'certfleet';

/** The changes of several issuers from one CA to another. */
interface Proposal {
  readonly name: string;
  readonly change: CaChange;
  readonly issuers: readonly string[];
}

/**
 * Notices issuers that sign with another CA than before, and creates a CARotation for each pair of CAs: suspended, until
 * an operator resumes or rejects it, or begun. The name contains the CAs, so all replicas create the same one once.
 */
export class RotationProposer {
  readonly #parts: RotationProposerParts;
  readonly #repeated: RepeatedWork;

  constructor(parts: RotationProposerParts) {
    this.#parts = parts;
    const { clock, logger: log } = parts;
    const failure = 'a change of a CA cannot be proposed, retrying';
    this.#repeated = new RepeatedWork({
      work: () => this.detect(),
      pauseMs: passMs,
      failure,
      isReportedElsewhere: isRedisUnavailable,
      clock,
      log,
    });
  }

  start(): void {
    if (this.#parts.action !== 'off') this.#repeated.start();
  }

  async stop(): Promise<void> {
    await this.#repeated.stop();
  }

  /** Compares the reports once. @throws CertfleetError if a change cannot be proposed */
  async detect(): Promise<void> {
    const { store, isViewCurrent, readIndex, silentAfterMs, memory } = this.#parts;
    if (store.problem('CARotation') !== undefined || !isViewCurrent()) return;
    if ((await readIndex()).ageMs < silentAfterMs) return;
    await this.#withdrawObsolete();
    const proposals = proposalsOf(await this.#collect());
    if (proposals.length === 0) return;
    let open = store.list('CARotation').filter(isProposed).length;
    const failures: unknown[] = [];
    for (const proposal of proposals) {
      const isDecided = await this.#isDecided(proposal).catch((thrown: unknown) => failures.push(thrown) > 0);
      if (isDecided || open >= maxOpen) continue;
      open += 1;
      await this.#propose(proposal)
        .then(() => memory.remember(proposal.name))
        .catch((thrown: unknown) => failures.push(thrown));
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Deletes proposals that nobody has accepted, if another rotation of the same CAs makes them needless. */
  async #withdrawObsolete(): Promise<void> {
    const { store, logger, announce } = this.#parts;
    const objects = store.list('CARotation');
    const decided = objects.filter((object) => !isProposed(object));
    for (const proposal of objects.filter(isProposed)) {
      const from = casOf(proposal)?.from ?? [];
      if (!decided.some((object) => replacesOne(object, from))) continue;
      const { name, uid } = proposal.metadata;
      await store.delete('CARotation', name, uid).catch(ignoreGone);
      logger.info({ rotation: name }, 'proposed rotation withdrawn: another one replaces the same ca');
      await announce(['rotations']);
    }
  }

  async #collect(): Promise<readonly CaChange[]> {
    const { view, clock } = this.#parts;
    const collector = new CaChangeCollector();
    let sinceYield = 0;
    for (const { node } of view().nodes()) {
      if ((sinceYield += view().volumesOn(node)) > volumesAtOnce) {
        sinceYield = 0;
        await setImmediate();
      }
      view().scan(clock.now(), node, (volume) => collector.add(volume));
    }
    return collector.changes();
  }

  /** Whether there is a rotation of these CAs, or there was a proposal. */
  async #isDecided({ name, change }: Proposal): Promise<boolean> {
    const { store, memory } = this.#parts;
    const objects = store.list('CARotation');
    const exists = objects.some(({ metadata }) => metadata.name === name);
    if (!exists && objects.some((object) => concerns(object, change))) return true;
    if (!exists && !(await memory.has(name))) return false;
    await memory.remember(name);
    return true;
  }

  async #propose({ name, change, issuers }: Proposal): Promise<void> {
    const { store, fleetCas, action, recordEvent, audit, announce, logger } = this.#parts;
    const [from, to] = [await fleetCas.certificatesOf(change.from), await fleetCas.certificatesOf(change.to)];
    const cas = readRotationCas({ from, to });
    if ('problem' in cas)
      throw new CertfleetError('failed-precondition', `${reasonOf(change, issuers)}: ${cas.problem}`);
    const reason = reasonOf(change, issuers);
    const spec: CaRotationSpec = {
      from: { certificate: from },
      to: { certificate: to },
      ...{ reason, requester: proposer, holdBefore: ['Retire'], ttlSecondsAfterFinished },
      ...((action !== 'start' || !change.isConfirmed) && { suspend: true }),
    };
    const created = await store
      .create('CARotation', { name, labels: { [proposalLabel]: 'true' }, spec })
      .catch(existing);
    // Another replica was first.
    if (created === undefined) return;
    logger.warn(
      { rotation: name, issuers, suspended: spec.suspend === true, from: cas.from, to: cas.to },
      'ca change detected',
    );
    recordEvent(created, { type: 'Warning', reason: 'CaChangeDetected', message: reason });
    await audit.write({ who: proposer, action: 'rotate', target: `rotation ${name}`, reason });
    await announce(['rotations']);
  }
}

/** One proposal per pair of CAs: several issuers may use the same ones. */
function proposalsOf(changes: readonly CaChange[]): readonly Proposal[] {
  const byName = new Map<string, CaChange[]>();
  for (const change of changes) {
    const name = nameOf(change);
    byName.set(name, [...(byName.get(name) ?? []), change]);
  }
  return [...byName].sort(byKey).flatMap(([name, ofName]) => {
    const [first] = ofName;
    if (first === undefined) return [];
    const sinceMs = Math.min(...ofName.map((each) => each.sinceMs));
    const isConfirmed = ofName.some((each) => each.isConfirmed);
    return [{ name, change: { ...first, sinceMs, isConfirmed }, issuers: ofName.map(({ issuer }) => issuer).sort() }];
  });
}

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

function nameOf({ from, to }: CaChange): string {
  return `proposed-${shortHash([...from].sort().join(), [...to].sort().join())}`;
}

/**
 * Whether a rotation makes a proposal needless: it is not finished and has a CA in common, or it has replaced the same CA.
 * One that was rolled back says nothing about a later change.
 */
function concerns(object: RotationObject, { from, to }: CaChange): boolean {
  const cas = casOf(object);
  if (cas === undefined) return false;
  const sharesOne = [...cas.from, ...cas.to].some((each) => from.includes(each) || to.includes(each));
  if (!isFinished(object)) return sharesOne;
  const isSame = cas.from.some((each) => from.includes(each)) && cas.to.some((each) => to.includes(each));
  return isSame && object.status?.phase === 'Completed';
}

/** Whether a rotation replaces one of these CAs, or has replaced it. */
function replacesOne(object: RotationObject, from: readonly string[]): boolean {
  if (isFinished(object) && object.status?.phase !== 'Completed') return false;
  return casOf(object)?.from.some((each) => from.includes(each)) === true;
}

function casOf(object: RotationObject): RotationCas | undefined {
  const pems = certificatesOf(object);
  const cas = pems && readRotationCas(pems);
  return cas === undefined || 'problem' in cas ? undefined : cas;
}

function reasonOf({ sinceMs }: CaChange, issuers: readonly string[]): string {
  const [first = '', ...more] = issuers;
  const names = more.length === 0 ? `${first} signs` : `${first} and ${more.length} more issuers sign`;
  const since = Number.isFinite(sinceMs) ? ` since ${new Date(sinceMs).toISOString().slice(0, 19)}Z` : '';
  const text = ` with another CA${since}`;
  return `${names.slice(0, maxReason - text.length)}${text}`;
}

function ignoreGone(thrown: unknown): void {
  if (asCertfleetError(thrown).code !== 'not-found') throw thrown;
}

function existing(thrown: unknown): undefined {
  if (asCertfleetError(thrown).code !== 'already-exists') throw thrown;
}
