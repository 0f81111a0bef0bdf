import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { RenewalDeferral, ReportSink } from '../fleet-index/model/report-sink.ts';
import { volumeKey } from '../fleet-index/model/volume-key.ts';
import type { VolumeChange } from '../fleet-index/model/volume-change.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { LaneAdmission, laneKeys } from '../lanes/lane-admission.ts';
import type { Outcome, Settled, Settlement } from '../lanes/lane-admission.ts';
import { LaneStore } from '../lanes/lane-store.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { BulkRenewals } from './bulk-renewals.ts';
import { BulkRenewalStore } from './bulk-renewal-store.ts';
import { DispatchMark } from './dispatch-mark.ts';
import { noObserver } from './dispatch-observer.ts';
import type { DispatchObserver } from './dispatch-observer.ts';
import { DueQueue } from './due-queue.ts';
import { DueWorker } from './due-worker.ts';
import type { DueResult, ExtendLock } from './due-worker.ts';
import { IssuanceHistory } from './issuance-history.ts';
import type { EndedAttempt } from './issuance-history.ts';
import { LaneAdvancer } from './lane-advancer.ts';
import { LanePauses } from './lane-pauses.ts';
import { NodeQueues } from './node-queues.ts';
import { Recalls } from './recalls.ts';
import { isOfSameJob, jobId, renewalId, renewalOf } from './renewal-job.ts';
import type { DueJob } from './renewal-job.ts';
import type { RenewalDispatcherParts } from './renewal-dispatcher-parts.ts';
import { renewalEnd, endOf, outcomeOf } from './renewal-outcome.ts';
import { renewalTimes } from './renewal-schedule.ts';
import { startRenewal } from './start-renewal.ts';
import { storedVolumes } from './stored-volumes.ts';
import type { StoredVolumes } from './stored-volumes.ts';

const defaultSilentAfterMs = 300_000;

/**
 * Renews every volume in time: schedules the reported volumes and sends each due one through its issuer's lane to its
 * node's queue. The next report of the volume is the result. All replicas are equal, and every step is idempotent.
 */
export class RenewalDispatcher implements ReportSink {
  readonly bulks: BulkRenewals;
  readonly lanes: LaneStore;
  readonly due: DueQueue;
  readonly nodeQueues: NodeQueues;
  readonly history: IssuanceHistory;
  readonly pauses: LanePauses;
  readonly mark: DispatchMark;
  readonly #parts: RenewalDispatcherParts;
  readonly #keys: RedisKeys;
  readonly #admission: LaneAdmission;
  readonly #requests: BulkRenewalStore;
  readonly #stored: StoredVolumes;
  readonly #recalls: Recalls;
  readonly #advancer: LaneAdvancer;
  #worker: DueWorker | undefined;
  #isStopped = false;

  constructor(parts: RenewalDispatcherParts) {
    this.#parts = parts;
    const { policies, clock, logger, laneTime, silentAfterMs = defaultSilentAfterMs } = parts;
    const redis = parts.connections.commands;
    this.#keys = redisKeys(parts.prefix);
    this.#admission = new LaneAdmission(redis, this.#keys, laneTime, silentAfterMs);
    this.#requests = new BulkRenewalStore(redis, this.#keys);
    this.#stored = storedVolumes(redis, this.#keys);
    this.mark = new DispatchMark({ redis, keys: this.#keys, clock, logger });
    this.lanes = new LaneStore(redis, this.#keys, policies);
    this.due = new DueQueue(redis, this.#keys, { policies, now: () => clock.now() });
    this.history = new IssuanceHistory(redis, this.#keys, clock);
    this.nodeQueues = new NodeQueues(redis, parts.prefix);
    this.#recalls = new Recalls({
      redis,
      keys: this.#keys,
      stored: this.#stored,
      nodeQueues: this.nodeQueues,
      due: this.due,
      leaveLane: (volume, cooldownMs) =>
        cooldownMs === undefined
          ? this.#leaveLane(volume, 'gone')
          : this.#leaveLane(volume, 'deferred', { cooldownMs }),
      clock,
    });
    this.pauses = new LanePauses({
      lanes: this.lanes,
      admission: this.#admission,
      recalls: this.#recalls,
      policies,
      promoteJobs: (promotions) => this.due.promoteJobs(promotions),
      logger,
    });
    this.#advancer = new LaneAdvancer({
      lanes: this.lanes,
      admission: this.#admission,
      policies,
      promoteJobs: (promotions) => this.due.promoteJobs(promotions),
      recallUnanswered: () => this.#recalls.unanswered(),
      clock,
      logger,
    });
    this.bulks = new BulkRenewals({
      view: parts.view,
      stored: this.#stored,
      requests: this.#requests,
      due: this.due,
      clock,
      logger,
      withdraw: (volume) => this.#leaveLane(volume, 'withdrawn'),
      nodeQueues: this.nodeQueues,
      recalls: this.#recalls,
      isInForce: parts.isRequestInForce ?? (() => true),
    });
  }

  /**
   * Starts processing due jobs when Redis is available, and not before `mayStart` is resolved: until then the pauses of
   * lanes are unknown.
   */
  start(mayStart: Promise<void> = Promise.resolve()): void {
    const { connections, clock, logger, concurrency = 64 } = this.#parts;
    connections.onReplaced(() => {
      this.lanes.forgetNoted();
      void this.nodeQueues.close();
    });
    const startWorker = (): void => {
      if (this.#isStopped) return;
      this.#worker ??= new DueWorker({
        redis: connections.create('worker', 'due'),
        keys: this.#keys,
        clock,
        logger,
        concurrency,
        process: (id, data, extendLock) => this.#process(id, data, extendLock),
      });
      this.#advancer.start();
      this.mark.start();
    };
    // Rejected only by a stop.
    mayStart.then(startWorker, () => undefined);
  }

  /** Whether it may start renewals: it knows the pauses of lanes. */
  get isOpen(): boolean {
    return this.#worker !== undefined && !this.#isStopped;
  }

  /** Ends within some seconds, also while Redis is unavailable. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([this.#worker?.stop(), this.#advancer.stop(), this.mark.stop()]);
    await this.nodeQueues.close();
    await this.due.close();
  }

  async changed(changes: readonly VolumeChange[], batch: string): Promise<void> {
    const settled = await Promise.all(changes.map((change) => this.#settle(change, batch)));
    const current = changes.flatMap((change) => change.current ?? []);
    await Promise.all([this.history.record(settled.flatMap((ended) => ended ?? [])), this.due.schedule(current)]);
    await this.#bringRequestedForward(changes);
  }

  async confirmed(volumes: readonly IndexedVolume[]): Promise<void> {
    await this.#settleCompleted(volumes);
    await this.due.schedule(volumes);
  }

  async deferred(node: string, deferrals: readonly RenewalDeferral[]): Promise<void> {
    await Promise.all(
      deferrals.map(async ({ volumeId, generation, waitMs }) => {
        const volume = await this.#stored.get(node, volumeId);
        // Already renewed or not dispatched: there is no slot to free.
        if (volume?.generation !== generation || !(await this.#isStarted(volume))) return;
        await this.#recalls.deferred(volume, waitMs);
      }),
    );
  }

  async forgotten(node: string): Promise<void> {
    await this.nodeQueues.obliterate(node);
  }

  /** Removes the state of issuers that no volume names any more. Scans the whole view: call it rarely. */
  async prune(): Promise<void> {
    const used = new Set(this.#parts.view().aggregate(this.#parts.clock.now()).issuers.keys());
    await this.lanes.prune(used);
    this.#parts.policies.keepOnly(used);
  }

  async #process(id: string, data: DueJob, extendLock: ExtendLock): Promise<DueResult> {
    if ('b' in data) {
      return await this.bulks.begin(data.b, extendLock);
    }
    if (typeof data.n !== 'string' || typeof data.v !== 'string')
      throw new CertfleetError(
        'unavailable',
        'job has the format of a newer release, waiting for a replica of that release',
      );
    return await startRenewal(
      {
        stored: this.#stored,
        admission: this.#admission,
        lanes: this.lanes,
        policies: this.#parts.policies,
        nodeQueues: this.nodeQueues,
        withdraw: (volume) => this.#recalls.withdraw(volume),
        dropCancelled: (renewal) => this.bulks.dropCancelled(renewal),
        isRequestInForce: (renewal) => this.bulks.isInForce(renewal),
        clock: this.#parts.clock,
        observer: this.#observer,
      },
      { id, node: data.n, volumeId: data.v },
    );
  }

  /** Brings volumes forward whose renewal was requested while Redis had lost them. */
  async #bringRequestedForward(changes: readonly VolumeChange[]): Promise<void> {
    const added = changes.flatMap(({ previous, current }) => (previous === undefined ? (current ?? []) : []));
    const wanted = await this.#requests.wanted(added.map(renewalId));
    await this.due.bringForward(added.filter((volume) => wanted.has(renewalId(volume))));
  }

  /**
   * Settles requests whose renewal is complete. A replica that is killed after it stored a report, but before it acted
   * on it, leaves such requests; the agent's next snapshot contains no change, so only this check finds them.
   */
  async #settleCompleted(volumes: readonly IndexedVolume[]): Promise<void> {
    const changes = volumes.map((current) => ({
      previous: { ...current, generation: current.generation - 1 },
      current,
    }));
    const wanted = await this.#requests.wanted(changes.map(({ previous }) => renewalId(previous)));
    const left = changes.filter(({ previous }) => wanted.has(renewalId(previous)));
    const settled = await Promise.all(left.map((change) => this.#settle(change)));
    await this.history.record(settled.flatMap((ended) => ended ?? []));
  }

  /** Ends everything for the previous state of the volume: its job, its lane slot, and the requests for it. */
  async #settle({ previous, current }: VolumeChange, batch?: string): Promise<EndedAttempt | undefined> {
    if (previous === undefined) return current && { previous, current, wasStarted: false, wasRequested: false };
    if (current !== undefined && isOfSameJob(previous, current)) return undefined;
    const outcome = outcomeOf(previous, current);
    const end = { ...endOf(outcome, current, this.#parts.clock.now()), ...(batch !== undefined && { batch }) };
    const [settled] = await Promise.all([
      this.#leaveLane(previous, outcome, end),
      current === undefined ? this.nodeQueues.remove(previous.node, jobId(previous)) : undefined,
    ]);
    const wasRequested = await this.#settleRequests({ previous, current }, settled, batch);
    // This in-memory counter may miss a result whose response was lost, but never counts one twice.
    if (settled.isRepeated !== true) this.#observer.settled(current ?? previous, outcome);
    return current && { previous, current, wasStarted: settled.wasStarted, wasRequested };
  }

  /** Returns whether an operator had requested the renewal that ended. */
  async #settleRequests(
    { previous, current }: VolumeChange & { readonly previous: IndexedVolume },
    { requestedBy, awaitedBy }: Settled,
    batch = '',
  ): Promise<boolean> {
    const end = renewalEnd(previous, outcomeOf(previous, current), current);
    if (end === undefined) return false;
    const { node, volumeId } = previous;
    if (end === 'failed') await this.bulks.failed(requestedBy, { node, volumeId, batch });
    else await this.bulks.settled(awaitedBy, renewalId(previous), end);
    return requestedBy.length > 0;
  }

  async #leaveLane(
    volume: IndexedVolume,
    outcome: Outcome,
    end: Pick<Settlement, 'error' | 'cooldownMs' | 'batch'> = {},
  ): Promise<Settled> {
    const lane = this.#parts.policies.laneOf(volume.issuer);
    const id = jobId(volume);
    const settled = await this.#admission.settle(lane, {
      id,
      renewal: renewalOf(id),
      outcome,
      volume: volumeKey(volume),
      ...end,
    });
    // The job of a due and admitted renewal is removed or about to end. A renewal that was requested before its due
    // time may have a new job for that time, added by a snapshot.
    const nowMs = this.#parts.clock.now();
    const dueAtMs = renewalTimes(volume, lane, nowMs)?.dueAtMs ?? Infinity;
    if (!settled.wasStarted || dueAtMs > nowMs) await this.due.remove([id]);
    await this.due.promoteJobs(settled.promotions);
    return settled;
  }

  async #isStarted(volume: IndexedVolume): Promise<boolean> {
    const [, inflight] = laneKeys(this.#keys, this.#parts.policies.laneOf(volume.issuer).id);
    return (await this.#parts.connections.commands.zscore(inflight, jobId(volume))) !== null;
  }

  get #observer(): DispatchObserver {
    return this.#parts.observer ?? noObserver;
  }
}
