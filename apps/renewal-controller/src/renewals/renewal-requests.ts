import { randomBytes } from 'node:crypto';
import type { SelectionRequest } from '@certfleet/operator-api/renewals.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { previewOf } from '../dispatch/bulk-renewals.ts';
import type { BulkRenewal, RenewalPreview, RenewalRequester } from '../dispatch/bulk-renewal.ts';
import type { VolumeSelection } from '../fleet-index/query/volume-selection.ts';
import { shortHash } from '../redis/redis-keys.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';
import { approve, changeStatus } from './canary.ts';
import type { RenewalReconcilerParts } from './reconciler-parts.ts';
import { bulkIdOf, isFinished, isStopped } from './renewal-object.ts';
import type { RenewalObject } from './renewal-object.ts';
import { progressOfBulk, progressOfObject } from './renewal-progress.ts';
import type { RenewalProgress } from './renewal-progress.ts';
import type { RenewalReconciler } from './renewal-reconciler.ts';
import { renewalWork } from './renewal-work.ts';
import type { RenewalWork } from './renewal-work.ts';
import { toObjectSelection } from './renewal-selection.ts';
import { refuse } from './refuse.ts';
import { undecidedRenewals } from './undecided-renewals.ts';
import type { UndecidedRenewal } from './undecided-renewals.ts';
import { cancelBulks } from './withdraw-renewals.ts';

export interface RenewalRequestsParts extends Pick<
  RenewalReconcilerParts,
  'store' | 'bulks' | 'apiActions' | 'isViewCurrent' | 'selectVolumes' | 'logger' | 'view' | 'clock'
> {
  readonly reconciler: RenewalReconciler;
}

/** A request with its limits. */
interface RequestedRenewal extends RenewalRequester {
  /** Volumes that are renewed first. */
  readonly canary?: number | undefined;
  readonly stopAfterFailures?: number | undefined;
}

/** Finished renewals that were requested through the API are deleted after a week. */
const ttlSecondsAfterFinished = 7 * 86_400;
const maxListed = 1_000;
const maxRequester = 256;

/** Requests of operators through the HTTP API: each becomes a Renewal object, which the reconciler carries out. */
export class RenewalRequests {
  readonly #parts: RenewalRequestsParts;

  constructor(parts: RenewalRequestsParts) {
    this.#parts = parts;
  }

  /** Counts the volumes of a selection. */
  preview(selection: VolumeSelection): RenewalPreview {
    return previewOf(this.#parts.bulks.select(selection));
  }

  /** The name of the renewal that a request with an id chosen by the client creates; repeated, it has the same name. */
  static nameOf(requestId: string, user: string): string {
    return `renewal-${shortHash(requestId, user)}`;
  }

  /** Undefined for an unknown name. */
  async find(name: string): Promise<RenewalProgress | undefined> {
    const object = this.#parts.store.find('Renewal', name);
    return object && (await this.#progressOf(object));
  }

  /**
   * Creates a Renewal for the volumes that the selection matches now; later matches are not added.
   * @throws CertfleetError not-found if nothing matches; unavailable if the object cannot be stored
   */
  async request(
    selection: SelectionRequest,
    requester: RequestedRenewal,
    name = `renewal-${randomBytes(6).toString('hex')}`,
  ): Promise<RenewalProgress> {
    const { isViewCurrent, selectVolumes, reconciler, logger, view, clock } = this.#parts;
    if (!isViewCurrent())
      throw new CertfleetError('unavailable', 'the index of volumes is not available now; repeat the request later');
    if (!view().hasRenewable(await selectVolumes(selection), clock.now()))
      throw new CertfleetError('not-found', 'no volume with a certificate matches the selection');
    const { by, reason, ignoreWindows, canary, stopAfterFailures } = requester;
    const spec = {
      ...{ selection: toObjectSelection(selection), reason, ttlSecondsAfterFinished },
      ...(by !== '' && { requester: by.slice(0, maxRequester) }),
      ...(ignoreWindows === true && { ignoreWindows }),
      ...(canary !== undefined && { canary: { volumes: canary } }),
      ...(stopAfterFailures !== undefined && { stopAfterFailures }),
    };
    await reconciler.begin(name, () => this.#create(name, spec));
    logger.info({ renewal: name, ...requester }, 'renewal requested');
    return await this.progress(name);
  }

  async #create(name: string, spec: RenewalObject['spec']): Promise<void> {
    await this.#parts.store.create('Renewal', { name, spec }).catch((thrown: unknown) => {
      // A repeated request, which another replica has received before.
      if (asCertfleetError(thrown).code !== 'already-exists') refuse(thrown, `renewal ${name}`);
    });
  }

  /**
   * Cancels a renewal: deletes its object, and then starts nothing more for it. A finished one stays as it is.
   * @throws CertfleetError not-found for an unknown name; unavailable if the object cannot be deleted
   */
  async cancel(name: string): Promise<RenewalProgress> {
    const { store, bulks, apiActions, reconciler } = this.#parts;
    const object = store.find('Renewal', name);
    if (object === undefined) return await this.#cancelWithoutObject(name);
    if (isFinished(object)) return await this.progress(name);
    await apiActions.note(object.metadata.uid, 'cancel');
    await reconciler.exclusively(name, async () => {
      await store
        .delete('Renewal', name, object.metadata.uid)
        .catch((thrown: unknown) => refuse(thrown, `the cancellation of renewal ${name}`));
      const deleted = { ...object, spec: { ...object.spec, suspend: true } };
      // If Redis is unavailable, the reconciler cancels it later; until then no replica starts anything for it.
      await whileAvailable(async () => cancelBulks({ bulks }, deleted, await bulks.list()), false);
    });
    const bulk = await whileAvailable(async () => (await bulks.list()).find((each) => each.name === name), undefined);
    return bulk === undefined ? { ...progressOfObject(object, undefined), state: 'cancelled' } : progressOfBulk(bulk);
  }

  /**
   * Suspends a renewal, or resumes it, also after it has stopped: its failures until now are accepted.
   * @throws CertfleetError not-found for an unknown name; failed-precondition if it is finished
   */
  async setSuspended(name: string, suspend: boolean): Promise<RenewalProgress> {
    const { store, apiActions } = this.#parts;
    const object = store.find('Renewal', name);
    if (object === undefined) throw notFound(name);
    if (isFinished(object)) throw new CertfleetError('failed-precondition', `renewal ${name} is finished`);
    await apiActions.note(object.metadata.uid, suspend ? 'suspend' : 'resume');
    const what = `the change of renewal ${name}`;
    if (!suspend) await this.#change(name, what, acceptFailures);
    // The object may belong to GitOps: a spec that says the same is not changed.
    if (suspend || object.spec.suspend === true)
      await store.patchSpec('Renewal', name, { suspend }).catch((thrown: unknown) => refuse(thrown, what));
    return await this.#reconciled(name);
  }

  /**
   * Lets a renewal continue after its canary.
   * @throws CertfleetError not-found for an unknown name; failed-precondition if it has no canary or is finished
   */
  async approve(name: string, by: string): Promise<RenewalProgress> {
    const { store, clock } = this.#parts;
    const object = store.find('Renewal', name);
    if (object === undefined) throw notFound(name);
    if (isFinished(object)) throw new CertfleetError('failed-precondition', `renewal ${name} is finished`);
    await this.#change(name, `the approval of renewal ${name}`, (fresh) => approve(fresh, by, clock.now()));
    return await this.#reconciled(name);
  }

  async #change(name: string, what: string, change: Parameters<typeof changeStatus>[2]): Promise<void> {
    const { store, reconciler } = this.#parts;
    await reconciler.exclusively(name, () =>
      changeStatus(store, name, change).catch((thrown: unknown) => {
        if (asCertfleetError(thrown).code === 'failed-precondition') throw thrown;
        refuse(thrown, what);
      }),
    );
  }

  async #reconciled(name: string): Promise<RenewalProgress> {
    const { reconciler, logger } = this.#parts;
    await reconciler.reconcile(name).catch((thrown: unknown) => {
      logger.warn({ renewal: name, error: asCertfleetError(thrown).message }, 'renewal not changed yet, retrying');
    });
    return await this.progress(name);
  }

  /** @throws CertfleetError not-found for an unknown name */
  async progress(name: string): Promise<RenewalProgress> {
    const { store, bulks } = this.#parts;
    const object = store.find('Renewal', name);
    if (object !== undefined) return await this.#progressOf(object);
    const found = (await bulks.list()).find((bulk) => bulk.name === name || bulk.id === name);
    if (found === undefined) throw notFound(name);
    return progressOfBulk(found);
  }

  /** What the pending volumes of a renewal wait for; compares its targets with the whole fleet. */
  async work(progress: RenewalProgress): Promise<RenewalWork> {
    const object = this.#parts.store.find('Renewal', progress.id);
    return await renewalWork(this.#parts, { progress, status: object?.status });
  }

  /** The renewals of all objects, and those that Redis still knows without an object; the latest first. */
  async list(): Promise<readonly RenewalProgress[]> {
    const { store, bulks } = this.#parts;
    const objects = store.list('Renewal');
    const names = new Set(objects.map(({ metadata }) => metadata.name));
    const others = (await whileAvailable(() => bulks.list(), [])).filter(({ name = '' }) => !names.has(name));
    const all = [
      ...(await Promise.all(objects.map((object) => this.#progressOf(object)))),
      ...others.map(progressOfBulk),
    ];
    return all.sort((a, b) => b.createdAtMs - a.createdAtMs).slice(0, maxListed);
  }

  /** The renewals that continue only after a decision of an operator. */
  undecided(): readonly UndecidedRenewal[] {
    return undecidedRenewals(this.#parts.store.list('Renewal'));
  }

  async #progressOf(object: RenewalObject): Promise<RenewalProgress> {
    const { bulks } = this.#parts;
    const isRunning = object.status?.state === 'Running' && object.spec.suspend !== true;
    const bulk = isRunning ? await whileAvailable(() => bulks.find(bulkIdOf(object)), undefined) : undefined;
    return progressOfObject(object, bulk);
  }

  /** Bulk renewals that an earlier release started. */
  async #cancelWithoutObject(id: string): Promise<RenewalProgress> {
    const { bulks } = this.#parts;
    const found: BulkRenewal | undefined = (await bulks.list()).find((bulk) => bulk.id === id || bulk.name === id);
    if (found === undefined) throw notFound(id);
    await bulks.cancel(found.id);
    return progressOfBulk((await bulks.find(found.id)) ?? found);
  }
}

/** The status of a stopped renewal that continues; undefined if it has not stopped. */
function acceptFailures(object: RenewalObject): RenewalObject['status'] {
  return isStopped(object) ? { ...object.status, acceptedFailures: object.status?.failures ?? 0 } : undefined;
}

function notFound(name: string): CertfleetError {
  return new CertfleetError('not-found', `renewal ${name.slice(0, 253)} not found`);
}

async function whileAvailable<T>(read: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    if (isRedisUnavailable(thrown)) return otherwise;
    throw thrown;
  }
}
