import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { KeyedLock } from '@certfleet/shared/keyed-lock.ts';
import type { IndexState } from '../fleet-index/index-state.ts';
import { selectionCriterion } from '../fleet-index/query/volume-selection.ts';
import type { VolumeCriterion } from '../fleet-index/query/volume-filter.ts';
import { expireFinished } from '../intent/expire-finished.ts';
import { storeStatus } from '../intent/store-status.ts';
import { RepeatedWork } from '@certfleet/shared/repeated-work.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';
import { toSelectionRequest } from '../renewals/renewal-selection.ts';
import { gatherFacts } from './gather-facts.ts';
import { noteStep } from './note-step.ts';
import type { RotationReconcilerParts } from './reconciler-parts.ts';
import { certificatesOf, readRotationCas } from './rotation-certificates.ts';
import type { CaCertificates, RotationCas } from './rotation-certificates.ts';
import type { RotationFacts } from './rotation-facts.ts';
import { RotationMemory } from './rotation-memory.ts';
import { isFinished, phaseOf, rotationFinalizer } from './rotation-object.ts';
import type { RotationObject } from './rotation-object.ts';
import type { Wait } from './rotation-phases.ts';
import { coverageOf, deleteRenewals, progressOf, syncRenewals } from './rotation-renewals.ts';
import { rotationStatus } from './rotation-status.ts';
import { caPairOf, rotationStep, stateOf } from './rotation-step.ts';
import type { Step } from './rotation-step.ts';
import { overlappingRotation } from './overlapping-rotation.ts';
import { trustProblem } from './trust-invariant.ts';

const passMs = 2_000;

/**
 * Carries out CARotations: one step per pass. All replicas do the same from the same object and reports. A step is
 * stored with the version of the object that it was computed from, before anything acts on it; so of several replicas
 * one takes it.
 */
export class RotationReconciler {
  readonly #parts: RotationReconcilerParts;
  readonly #repeated: RepeatedWork;
  readonly #locks = new KeyedLock();
  readonly #memories = new Map<string, RotationMemory>();
  #unsubscribe = (): void => undefined;

  constructor(parts: RotationReconcilerParts) {
    this.#parts = parts;
    const { clock, logger: log } = parts;
    const failure = 'ca rotations not reconciled, retrying';
    this.#repeated = new RepeatedWork({
      work: () => this.#pass(),
      pauseMs: passMs,
      failure,
      isReportedElsewhere: isRedisUnavailable,
      clock,
      log,
    });
  }

  start(): void {
    this.#unsubscribe = this.#parts.store.onChange('CARotation', ({ previous, current }) => {
      if (current === undefined && previous !== undefined) this.#memories.delete(previous.metadata.uid);
      // Writes of a status are the controllers' own.
      if (previous?.metadata.generation !== current?.metadata.generation) void this.#repeated.run();
    });
    this.#repeated.start();
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    await this.#repeated.stop();
  }

  async #pass(): Promise<void> {
    const { store, isViewCurrent } = this.#parts;
    const objects = store.list('CARotation');
    if (objects.length === 0 || store.problem('CARotation') !== undefined || !isViewCurrent()) return;
    const failures: unknown[] = [];
    for (const { metadata } of objects)
      await this.reconcile(metadata.name).catch((thrown: unknown) => failures.push(thrown));
    if (failures.length > 0) throw failures[0];
  }

  /** Reconciles one object now. */
  async reconcile(name: string): Promise<void> {
    await this.#locks.run(name, async () => {
      const object = this.#parts.store.find('CARotation', name);
      if (object === undefined) return;
      if (isFinished(object)) await this.#finish(object);
      else await this.#advance(object);
    });
  }

  async #advance(object: RotationObject): Promise<void> {
    const index = await this.#parts.readIndex();
    const isPending = phaseOf(object) === 'Pending';
    const isDeleted = object.metadata.deletionTimestamp !== undefined;
    if (isDeleted && isPending) {
      await this.#release(object);
      return;
    }
    const pems = certificatesOf(object);
    if (pems === undefined) {
      await this.#resolve(object, index);
      return;
    }
    await this.#advanceWith(object, pems, index);
  }

  async #advanceWith(object: RotationObject, pems: CaCertificates, index: IndexState): Promise<void> {
    const isPending = phaseOf(object) === 'Pending';
    const cas = readRotationCas(pems);
    const problem = 'problem' in cas ? cas.problem : undefined;
    if ('problem' in cas || (isPending && this.#isExpired(cas, index))) {
      const expired = { reason: 'CertificateExpired', message: 'the new CA has expired' };
      await this.#fail(
        object,
        problem === undefined ? expired : { reason: 'InvalidCertificate', message: problem },
        index,
      );
      return;
    }
    if (isPending && this.#isEarly(cas, index)) await this.#wait(object, earlyWait, index);
    else await this.#evaluate(object, cas, index);
  }

  /** Stores the certificates of the CAs that the spec names otherwise, before anything else happens. */
  async #resolve(object: RotationObject, index: IndexState): Promise<void> {
    const { store, fleetCas } = this.#parts;
    try {
      const certificates = await fleetCas.resolve(object.spec);
      await storeStatus(store, 'CARotation', object, { ...object.status, certificates });
    } catch (thrown) {
      const { reason = 'CaNotRead', message } = asCertfleetError(thrown);
      await this.#wait(object, { reason, message, kind: 'problem' }, index);
    }
  }

  async #evaluate(object: RotationObject, cas: RotationCas, index: IndexState): Promise<void> {
    const facts = await this.#gather(object, cas, index);
    const { direction } = stateOf(object);
    // A rollback ends by itself.
    const isDeleted = object.metadata.deletionTimestamp !== undefined && direction === 'Forward';
    const mayGo = isDeleted && trustProblem(undefined, caPairOf(cas, direction), facts) === undefined;
    const memory = this.#memoryOf(object);
    const { clock, silentAfterMs } = this.#parts;
    if (!mayGo) {
      memory.mustStay();
      await this.#step(object, cas, { facts, index });
    } else if (memory.mayGo(object, { nowMs: clock.monotonic(), silentAfterMs })) await this.#release(object);
    else await syncRenewals(this.#parts.store, object, 'all');
  }

  async #step(
    object: RotationObject,
    cas: RotationCas,
    { facts, index }: { readonly facts: RotationFacts; readonly index: IndexState },
  ): Promise<void> {
    const { store, view, clock, silentAfterMs } = this.#parts;
    const memory = this.#memoryOf(object);
    const step = rotationStep({
      object,
      cas,
      facts,
      overlapping: overlappingRotation(object, store.list('CARotation')),
      nowMs: index.nowMs,
      planning: {
        progressOf: (round) => progressOf(store, object, round),
        volume: ({ node, volumeId }) => view().volume(node, volumeId),
        isComplete: (node) => index.isComplete(node),
        isTestDue: (issuer) => memory.isTestDue(issuer, object.metadata.generation, clock.monotonic()),
      },
    });
    const nowMs = clock.monotonic();
    if (step.isNewPhase && !memory.isConfirmed(object, step.status, { nowMs, silentAfterMs })) return;
    if (!step.isNewPhase) memory.unconfirm();
    if (step.isNewPhase && phaseOf(object) === 'Pending' && (await this.#isFinalizerAdded(object))) return;
    if (step.isNewPhase || memory.mayWrite(object, step, nowMs)) await this.#store(object, step);
    else await syncRenewals(store, object, step.held);
  }

  async #store(object: RotationObject, step: Step): Promise<void> {
    const { store } = this.#parts;
    const stored = await storeStatus(store, 'CARotation', object, step.status);
    if (stored !== undefined) await noteStep(this.#parts, object, { stored, wait: step.wait });
    const current = stored ?? store.find('CARotation', object.metadata.name);
    // Another replica has stored its step: the next pass continues from there.
    if (
      current === undefined ||
      (stored === undefined && current.metadata.resourceVersion !== object.metadata.resourceVersion)
    )
      return;
    await syncRenewals(store, current, step.held);
  }

  async #gather(object: RotationObject, cas: RotationCas, index: IndexState): Promise<RotationFacts> {
    const { view, silentAfterMs, clock, store } = this.#parts;
    const { direction } = stateOf(object);
    const selection = direction === 'Backward' ? undefined : await this.#selectionOf(object);
    return await gatherFacts({ view: view(), index, silentAfterMs, nowMs: clock.now() }, caPairOf(cas, direction), {
      requiresServed: object.spec.requireServed ?? true,
      selection,
      isCovered: coverageOf(store, object),
      knownNodes: object.status?.nodes ?? [],
    });
  }

  async #selectionOf(object: RotationObject): Promise<VolumeCriterion | undefined> {
    const { selection } = object.spec;
    if (selection === undefined) return undefined;
    const { clock, selectVolumes } = this.#parts;
    const resolve = async (): Promise<VolumeCriterion> =>
      selectionCriterion(await selectVolumes(toSelectionRequest(selection)));
    return await this.#memoryOf(object).selection(clock.monotonic(), resolve);
  }

  /** The clock of one machine alone decides nothing. */
  #isExpired({ notAfterMs }: RotationCas, { nowMs }: IndexState): boolean {
    return nowMs >= notAfterMs && this.#parts.clock.now() >= notAfterMs;
  }

  #isEarly({ notBeforeMs }: RotationCas, { nowMs }: IndexState): boolean {
    return nowMs < notBeforeMs && this.#parts.clock.now() < notBeforeMs;
  }

  async #fail(
    object: RotationObject,
    failure: { readonly reason: string; readonly message: string },
    { nowMs }: IndexState,
  ): Promise<void> {
    const state = { ...stateOf(object), phase: 'Failed' as const };
    const status = rotationStatus(object, { state, facts: undefined, wait: undefined, failure, nowMs });
    const stored = await storeStatus(this.#parts.store, 'CARotation', object, status);
    if (stored !== undefined) await noteStep(this.#parts, object, { stored, wait: undefined, failure });
  }

  async #wait(object: RotationObject, wait: Wait, { nowMs }: IndexState): Promise<void> {
    const status = rotationStatus(object, { state: stateOf(object), facts: undefined, wait, nowMs });
    const stored = await storeStatus(this.#parts.store, 'CARotation', object, status);
    if (stored !== undefined) await noteStep(this.#parts, object, { stored, wait });
  }

  async #isFinalizerAdded({ metadata }: RotationObject): Promise<boolean> {
    const { store } = this.#parts;
    const object = store.find('CARotation', metadata.name);
    const finalizers = object?.metadata.finalizers ?? [];
    if (object === undefined || finalizers.includes(rotationFinalizer)) return false;
    await store.setFinalizers('CARotation', object, [...finalizers, rotationFinalizer]).catch(ignoreConflict);
    return true;
  }

  /** Lets a deleted object go; its Renewals go first. */
  async #release(object: RotationObject): Promise<void> {
    const { store } = this.#parts;
    const { finalizers = [] } = object.metadata;
    if (!finalizers.includes(rotationFinalizer)) return;
    await deleteRenewals(store, object);
    const others = finalizers.filter((each) => each !== rotationFinalizer);
    await store.setFinalizers('CARotation', object, others).catch(ignoreConflict);
  }

  async #finish(object: RotationObject): Promise<void> {
    await this.#release(object);
    await syncRenewals(this.#parts.store, object, 'unchanged');
    await expireFinished(this.#parts, 'CARotation', object);
  }

  #memoryOf({ metadata: { uid } }: RotationObject): RotationMemory {
    const known = this.#memories.get(uid);
    if (known !== undefined) return known;
    const memory = new RotationMemory();
    this.#memories.set(uid, memory);
    return memory;
  }
}

const earlyWait: Wait = { reason: 'NotYetValid', message: 'the new CA is not valid yet', kind: 'problem' };

/** Another replica was first, or the object is gone: the next pass sees it. */
function ignoreConflict(thrown: unknown): undefined {
  const { code } = asCertfleetError(thrown);
  if (code !== 'aborted' && code !== 'not-found') throw thrown;
  return undefined;
}
