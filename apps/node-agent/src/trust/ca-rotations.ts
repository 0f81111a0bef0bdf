import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import { ResourceWatch } from '@certfleet/shared/kube/resource-watch.ts';
import type { ResourceWatchOptions } from '@certfleet/shared/kube/resource-watch.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { orAborted } from '@certfleet/shared/or-aborted.ts';
import type { SourceRoots, TrustAnswer } from '../volume/compose-trust.ts';
import { parseRotation } from './parse-rotation.ts';
import type { CaRotation, RotationTrust } from './parse-rotation.ts';

type Watch = Pick<ResourceWatch<CaRotation>, 'start' | 'stop'>;
type WatchHandlers = Pick<ResourceWatchOptions<CaRotation>, 'onEvent' | 'onOpen'> & {
  readonly onSynced: (objects: readonly CaRotation[]) => void;
  readonly onError: (error: CertfleetError) => void;
};

export interface CaRotationsOptions {
  /** The place of the objects. */
  readonly openWatch: (handlers: WatchHandlers) => Watch;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after each change. */
  readonly onChange: () => void;
  /** Random numbers in [0, 1), for jitter. */
  readonly random?: () => number;
}

const resource: ApiResource = { group: 'certfleet.io', version: 'v1alpha1', plural: 'carotations' };
const sourcePrefix = 'CARotation/';

/** The objects in the API server. */
export function clusterRotations({
  client,
  clock,
  random,
}: Pick<ResourceWatchOptions<CaRotation>, 'client' | 'clock' | 'random'>): CaRotationsOptions['openWatch'] {
  return (handlers) =>
    new ResourceWatch<CaRotation>({
      ...{ client, clock, resource, project: parseRotation, ...handlers },
      // A cache of the API server may be older than the rotation that other nodes follow already.
      isFirstListFresh: true,
      ...(random && { random }),
    });
}

/**
 * Interval between checks whether the cluster has the definition, plus up to half of it. An API server that starts may
 * not serve it for a moment.
 */
const absentRetryMs = 120_000;
const lostRetryMs = 20_000;

/**
 * New volumes wait for the first read this long after the start at most. The kubelet ends a publish after two minutes, and
 * an API server that cannot be reached must not delay mounts further.
 */
const firstReadMs = 10_000;

/** A fleet has few rotations at once. */
const maxRotationsPerVolume = 16;

/**
 * The trust of the CARotations: while one adds trust, each volume of a CA that it concerns gets all of its certificates.
 * What an object last said counts until it is read again or deleted; a source that was never read changes nothing.
 */
export class CaRotations {
  readonly #options: CaRotationsOptions;
  readonly #trusts = new Map<string, RotationTrust | undefined>();
  #watch: Watch;
  #isSynced = false;
  #isStopped = false;
  #lastProblem: string | undefined;
  #cancelRetry: CancelTimer | undefined;
  readonly #known = Promise.withResolvers<void>();
  #cancelWait: CancelTimer | undefined;

  constructor(options: CaRotationsOptions) {
    this.#options = options;
    this.#watch = this.#newWatch();
  }

  start(): void {
    this.#cancelWait = this.#options.clock.schedule(firstReadMs, () => {
      if (this.#isSynced || this.#isStopped) return;
      this.#options.log.warn(
        { waitedMs: firstReadMs },
        'CARotations not read yet, new volumes no longer wait for them',
      );
      this.#known.resolve();
    });
    this.#watch.start();
  }

  /**
   * Resolves when the objects were read, the cluster does not have them, or new volumes cannot wait longer. What is read
   * later then applies at once.
   */
  async known(signal: AbortSignal): Promise<void> {
    await orAborted(this.#known.promise, signal);
  }

  /** Whether the objects were read once. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelWait?.();
    this.#known.resolve();
    this.#cancelRetry?.();
    await this.#watch.stop();
  }

  /** What the rotations say about a volume whose certificate has CA certificates with these fingerprints. */
  answer(own: readonly string[]): TrustAnswer {
    if (!this.#isSynced) return { given: [], isUnknown: isRotation, excluded: new Set() };
    const known = [...this.#trusts].flatMap(([name, trust]) => (trust === undefined ? [] : [{ name, ...trust }]));
    const given = known
      .filter(({ state, concerned }) => state === 'Add' && own.some((each) => concerned.has(each)))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, maxRotationsPerVolume)
      .map(({ name, certificates }): SourceRoots => ({ source: `${sourcePrefix}${name}`, roots: certificates }));
    const excluded = new Set(known.flatMap(({ remove }) => remove));
    // A rotation in progress comes first: a pod must not lose the CA that another rotation of its volume needs.
    for (const { roots } of given) for (const { fingerprint } of roots) excluded.delete(fingerprint);
    return { given, isUnknown: (source) => this.#isUnknown(source), excluded };
  }

  /** An object whose trust could not be read. */
  #isUnknown(source: string): boolean {
    if (!isRotation(source)) return false;
    const name = source.slice(sourcePrefix.length);
    return this.#trusts.has(name) && this.#trusts.get(name) === undefined;
  }

  #newWatch(): Watch {
    return this.#options.openWatch({
      onEvent: ({ type, object }) => {
        if (type === 'DELETED') this.#trusts.delete(object.name);
        else this.#read(object);
        this.#options.onChange();
      },
      onSynced: (objects) => this.#synced(objects),
      onOpen: () => (this.#lastProblem = undefined),
      onError: (error) => this.#failed(error),
    });
  }

  #synced(objects: readonly CaRotation[]): void {
    const names = new Set(objects.map(({ name }) => name));
    for (const name of this.#trusts.keys()) if (!names.has(name)) this.#trusts.delete(name);
    for (const object of objects) this.#read(object);
    this.#isSynced = true;
    this.#lastProblem = undefined;
    this.#cancelWait?.();
    this.#known.resolve();
    this.#options.onChange();
  }

  #read({ name, trust, problem }: CaRotation): void {
    if (problem !== undefined)
      this.#options.log.warn(
        { rotation: name, problem },
        'cannot read the trust of a CARotation, keeping the last one',
      );
    this.#trusts.set(name, trust ?? this.#trusts.get(name));
  }

  #failed(error: CertfleetError): void {
    if (error.reason === 'ApiNotServed') {
      this.#cancelWait?.();
      this.#known.resolve();
      this.#retryLater();
      return;
    }
    // The watch retries: one line per problem, not per attempt.
    if (error.message === this.#lastProblem) return;
    this.#lastProblem = error.message;
    this.#options.log.warn({ reason: error.reason, error: error.message }, 'watch of CARotations interrupted');
  }

  /** A cluster may not have the definition, for example without the controller: it is not asked every few seconds. */
  #retryLater(): void {
    const { clock, random = Math.random } = this.#options;
    const absent = this.#watch;
    const retryMs = this.#isSynced ? lostRetryMs : absentRetryMs;
    if (this.#isStopped) return;
    void absent.stop();
    this.#watch = this.#newWatch();
    this.#cancelRetry?.();
    this.#cancelRetry = clock.schedule(retryMs * (1 + random() / 2), () => {
      if (!this.#isStopped) this.#watch.start();
    });
  }
}

/** Whether a source of additional trust, by its name, is a CARotation. */
export function isRotation(source: string): boolean {
  return source.startsWith(sourcePrefix);
}
