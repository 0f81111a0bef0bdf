import { delay } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { KeyedLock } from '@certfleet/shared/keyed-lock.ts';
import { expireFinished } from '../intent/expire-finished.ts';
import type { IntentChange } from '../intent/intent-store.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';
import { acceptAtOnce, acceptRenewal, isAccepted } from './accept-renewal.ts';
import { storeApproval } from './canary.ts';
import { carryOutRenewal } from './carry-out-renewal.ts';
import type { RenewalMemory, RenewalReconcilerParts } from './reconciler-parts.ts';
import { isFinished, isStopped } from './renewal-object.ts';
import type { RenewalObject } from './renewal-object.ts';
import { suspendRenewal } from './suspend-renewal.ts';
import { cancelDeletedObject, cancelOrphans } from './withdraw-renewals.ts';

const passMs = 2_000;
const orphansMs = 10_000;
const maxFailures = 100;
/** A node that never completes its reports delays a selection for this long at most. */
const maxAwaitedMs = 5 * 60_000;

/**
 * Makes Redis and the status of every Renewal object what its spec demands. All replicas do the same; every step is
 * idempotent, and of concurrent writes of a status one succeeds. An event only starts the next pass earlier.
 */
export class RenewalReconciler {
  readonly #parts: RenewalReconcilerParts;
  readonly #locks = new KeyedLock();
  readonly #memories = new Map<string, RenewalMemory>();
  readonly #deleted = new Map<string, RenewalObject>();
  readonly #stopping = new AbortController();
  #woken = Promise.withResolvers<undefined>();
  #orphansAtMs = -Infinity;
  #isDoubtful = true;
  /** Messages of the last failures, each logged once. */
  readonly #failures = new Set<string>();
  #failed = 0;
  #running: Promise<void> | undefined;
  #unsubscribe = (): void => undefined;

  constructor(parts: RenewalReconcilerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#unsubscribe = this.#parts.store.onChange('Renewal', (change) => this.#changed(change));
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#stopping.abort();
    await this.#running;
  }

  /** Redis may have lost data: every bulk renewal is compared with its object. */
  redisLost(): void {
    this.#isDoubtful = true;
    for (const memory of this.#memories.values()) memory.isDoubtful = true;
    this.#woken.resolve(undefined);
  }

  /** Reconciles one object now. */
  async reconcile(name: string): Promise<void> {
    await this.#locks.run(name, () => this.#reconcile(name));
  }

  /**
   * Creates a renewal, and selects and stores its volumes before anything else reconciles it. The next pass carries it
   * out, which takes seconds for tens of thousands of volumes. What fails after the creation is repeated by that pass.
   */
  async begin(name: string, create: () => Promise<unknown>): Promise<void> {
    await this.#locks.run(name, async () => {
      await create();
      await this.#attempt(() => acceptAtOnce(this.#parts, name));
    });
    this.#woken.resolve(undefined);
  }

  /** Runs an operation on an object while nothing else reconciles it. */
  exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#locks.run(name, work);
  }

  #changed({ previous, current }: IntentChange<'Renewal'>): void {
    const isDeleted = previous !== undefined && previous.metadata.uid !== current?.metadata.uid;
    if (isDeleted) this.#deleted.set(previous.metadata.uid, previous);
    // Writes of a status, which are the controllers' own, need no earlier pass.
    const isOfSpec = previous === undefined || previous.metadata.generation !== current?.metadata.generation;
    if (isOfSpec || isDeleted) this.#woken.resolve(undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    await this.#parts.store.loaded('Renewal').catch(() => undefined);
    while (!this.#isStopping) {
      this.#woken = Promise.withResolvers<undefined>();
      const before = this.#failed;
      await this.#attempt(() => this.#pass());
      if (this.#failed === before) this.#failures.clear();
      const waiting = new AbortController();
      const timer = delay(this.#parts.clock, passMs, AbortSignal.any([signal, waiting.signal])).catch(() => undefined);
      await Promise.race([timer, this.#woken.promise]);
      waiting.abort();
    }
  }

  async #pass(): Promise<void> {
    const { store, isViewCurrent } = this.#parts;
    if (!isViewCurrent()) return;
    for (const [uid, object] of this.#deleted) {
      await this.#attempt(async () => {
        await this.#locks.run(object.metadata.name, () => cancelDeletedObject(this.#parts, object));
        this.#deleted.delete(uid);
        this.#memories.delete(uid);
      });
    }
    await this.#attempt(() => this.#cancelOrphans());
    for (const { metadata } of store.list('Renewal')) await this.#attempt(() => this.reconcile(metadata.name));
  }

  async #cancelOrphans(): Promise<void> {
    const nowMs = this.#parts.clock.monotonic();
    const isDoubtful = this.#isDoubtful;
    if (!isDoubtful && nowMs - this.#orphansAtMs < orphansMs) return;
    this.#isDoubtful = false;
    try {
      await cancelOrphans(this.#parts, isDoubtful);
      this.#orphansAtMs = nowMs;
    } catch (thrown) {
      this.#isDoubtful ||= isDoubtful;
      throw thrown;
    }
  }

  async #reconcile(name: string): Promise<void> {
    const object = this.#parts.store.find('Renewal', name);
    if (object === undefined) return;
    if (object.metadata.deletionTimestamp !== undefined) await cancelDeletedObject(this.#parts, object);
    else if (isFinished(object)) await this.#expire(object);
    else if (object.spec.suspend === true || isStopped(object))
      await suspendRenewal(this.#parts, this.#memoryOf(object), object);
    else await this.#carryOut(object);
  }

  async #carryOut(object: RenewalObject): Promise<void> {
    const memory = this.#memoryOf(object);
    const hasWaited = this.#parts.clock.monotonic() - memory.seenAtMs >= maxAwaitedMs;
    const accepted = isAccepted(object) ? object : await acceptRenewal(this.#parts, object, { isImmediate: hasWaited });
    const approved = accepted && (await storeApproval(this.#parts, accepted));
    if (approved !== undefined) await carryOutRenewal(this.#parts, memory, approved);
  }

  async #expire(object: RenewalObject): Promise<void> {
    if (!(await expireFinished(this.#parts, 'Renewal', object))) return;
    this.#parts.logger.info({ renewal: object.metadata.name }, 'finished renewal deleted after its ttl');
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  #memoryOf({ metadata: { uid } }: RenewalObject): RenewalMemory {
    const known = this.#memories.get(uid);
    if (known !== undefined) return known;
    const nowMs = this.#parts.clock.monotonic();
    const never = { measuredAtMs: -Infinity, writtenAtMs: -Infinity, progressAtMs: nowMs, seenAtMs: nowMs };
    const memory: RenewalMemory = {
      ...never,
      isDoubtful: true,
      progress: '',
      withdrawn: '',
      outside: { held: 0, unreported: 0 },
    };
    this.#memories.set(uid, memory);
    return memory;
  }

  /** A failure affects one step; the next pass repeats it. Each message is logged once until a pass succeeds. */
  async #attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (thrown) {
      this.#failed += 1;
      const { message } = asCertfleetError(thrown);
      // The probe reports that Redis is unavailable.
      if (this.#stopping.signal.aborted || isRedisUnavailable(thrown) || this.#failures.has(message)) return;
      if (this.#failures.size < maxFailures) this.#failures.add(message);
      this.#parts.logger.warn({ error: message }, 'renewals not reconciled, retrying');
    }
  }
}
