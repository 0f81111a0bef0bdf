import type { CancelTimer, Clock } from '../clock.ts';
import { asCertfleetError, CertfleetError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { KubeClient } from './api-client.ts';
import type { ApiResource, ObjectMeta } from './api-resource.ts';
import { getObject } from './get-object.ts';

export interface LeaderElectionOptions {
  readonly client: Pick<KubeClient, 'request'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** The Lease. */
  readonly namespace: string;
  readonly name: string;
  /** Unique among the replicas. */
  readonly identity: string;
  readonly onLead: () => void;
  readonly onResign: () => void;
}

interface Lease {
  readonly metadata?: ObjectMeta;
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

const leases: ApiResource = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' };

/** Others take the Lease when they have seen no renewal for this time. */
const leaseMs = 15_000;
/** The leader resigns when its last renewal began this long ago: before any other replica can take the Lease. */
const renewDeadlineMs = 10_000;
const retryMs = 2_000;
const requestTimeoutMs = 3_000;

/**
 * Elects one of several replicas by a Lease. All waits use the monotonic clock of this replica: a renewal counts from the
 * time at which it was seen, and the times in the Lease are only for people.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #stop = new AbortController();
  #isLeading = false;
  #cancelDeadline: CancelTimer | undefined;
  #cancelRetry: CancelTimer | undefined;
  #seen: { readonly version: string; readonly atMs: number } | undefined;
  #round: Promise<void> = Promise.resolve();
  #lastError = '';

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
  }

  get isLeading(): boolean {
    return this.#isLeading;
  }

  start(): void {
    this.#round = this.#try();
  }

  /** Resigns, and gives the Lease back so that another replica need not wait. */
  async stop(): Promise<void> {
    const wasLeading = this.#isLeading;
    this.#cancelRetry?.();
    this.#resign('the replica stops');
    this.#stop.abort(new CertfleetError('cancelled', 'the election was stopped'));
    await this.#round;
    if (wasLeading) await this.#release().catch(() => undefined);
  }

  async #try(): Promise<void> {
    const { clock, log } = this.#options;
    try {
      const startedMs = clock.monotonic();
      if (await this.#acquire()) this.#lead(startedMs);
      else this.#resign('another replica has the lease');
      this.#lastError = '';
    } catch (thrown) {
      const { message } = asCertfleetError(thrown);
      if (message !== this.#lastError && !this.#stop.signal.aborted)
        log.warn({ error: message }, 'cannot renew or read the lease, retrying');
      this.#lastError = message;
    }
    if (!this.#stop.signal.aborted)
      this.#cancelRetry = clock.schedule(retryMs, () => {
        this.#round = this.#try();
      });
  }

  /** Whether the Lease is this replica's now. */
  async #acquire(): Promise<boolean> {
    const { identity, clock } = this.#options;
    const lease = await this.#read();
    if (lease === undefined) return await this.#write('create', {}, true);
    const holder = lease.spec?.holderIdentity ?? '';
    const version = lease.metadata?.resourceVersion ?? '';
    if (this.#seen?.version !== version) this.#seen = { version, atMs: clock.monotonic() };
    const isExpired = clock.monotonic() - this.#seen.atMs >= leaseMs;
    if (holder !== identity && holder !== '' && !isExpired) return false;
    return await this.#write('update', lease, holder !== identity);
  }

  async #read(): Promise<Lease | undefined> {
    const { client, namespace, name } = this.#options;
    const target = { resource: leases, namespace, name, timeoutMs: requestTimeoutMs, signal: this.#stop.signal };
    return (await getObject(client, target)) as Lease | undefined;
  }

  /** Returns false if another replica was faster. */
  async #write(verb: 'create' | 'update', { metadata, spec }: Lease, isTaken: boolean): Promise<boolean> {
    const { clock, identity, name, namespace } = this.#options;
    const now = new Date(clock.now()).toISOString().replace('Z', '000Z');
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace, ...(metadata?.resourceVersion && { resourceVersion: metadata.resourceVersion }) },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: leaseMs / 1000,
        acquireTime: isTaken ? now : (spec?.acquireTime ?? now),
        renewTime: now,
        leaseTransitions: (spec?.leaseTransitions ?? 0) + (isTaken ? 1 : 0),
      },
    };
    try {
      await this.#request({ verb, body });
      return true;
    } catch (thrown) {
      const { code, reason } = asCertfleetError(thrown);
      if (code === 'already-exists' || reason === 'Conflict') return false;
      throw thrown;
    }
  }

  async #release(): Promise<void> {
    const { client, namespace, name, identity } = this.#options;
    const target = { resource: leases, namespace, name, timeoutMs: requestTimeoutMs } as const;
    const lease = (await client.request({ ...target, verb: 'get' })) as Lease;
    if (lease.spec?.holderIdentity !== identity) return;
    const body = { ...lease, spec: { ...lease.spec, holderIdentity: '' } };
    await client.request({ ...target, verb: 'update', body });
  }

  async #request(request: { readonly verb: 'create' | 'update'; readonly body: object }): Promise<unknown> {
    const { client, namespace, name } = this.#options;
    return await client.request({
      ...request,
      resource: leases,
      namespace,
      ...(request.verb !== 'create' && { name }),
      timeoutMs: requestTimeoutMs,
      signal: this.#stop.signal,
    });
  }

  #lead(sinceMs: number): void {
    const { clock, log, onLead } = this.#options;
    this.#cancelDeadline?.();
    const leftMs = renewDeadlineMs - (clock.monotonic() - sinceMs);
    if (this.#stop.signal.aborted) return;
    this.#cancelDeadline = clock.schedule(leftMs, () => this.#resign('the lease could not be renewed'));
    if (this.#isLeading || leftMs <= 0) return;
    this.#isLeading = true;
    log.info('this replica leads');
    onLead();
  }

  #resign(reason: string): void {
    this.#cancelDeadline?.();
    if (!this.#isLeading) return;
    this.#isLeading = false;
    this.#options.log.info({ reason }, 'this replica does not lead any more');
    this.#options.onResign();
  }
}
