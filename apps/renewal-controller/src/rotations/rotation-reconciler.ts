import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { KeyedLock } from '@certfleet/shared/keyed-lock.ts';
import type { IndexState } from '../fleet-index/index-state.ts';
import { expireFinished } from '../intent/expire-finished.ts';
import { storeStatus } from '../intent/store-status.ts';
import { RepeatedWork } from '@certfleet/shared/repeated-work.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';
import { gatherAllFacts } from './gather-all-facts.ts';
import { noteStep } from './note-step.ts';
import { deliveryWait } from './pod-certificate-phases.ts';
import type { RotationReconcilerParts } from './reconciler-parts.ts';
import { certificatesOf, readRotationCas } from './rotation-certificates.ts';
import type { CaCertificates, RotationCas } from './rotation-certificates.ts';
import type { RotationFacts } from './rotation-facts.ts';
import { isRisky, RotationMemory } from './rotation-memory.ts';
import { isFinished, phaseOf, rotationFinalizer } from './rotation-object.ts';
import type { RotationObject } from './rotation-object.ts';
import type { Wait } from './wait.ts';
import { deleteRenewals, progressOf, syncRenewals } from './rotation-renewals.ts';
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
    const memory = this.#memoryOf(object);
    const facts = await gatherAllFacts(this.#parts, memory, { object, cas, index });
    const { direction } = stateOf(object);
    // A rollback ends by itself.
    const isDeleted = object.metadata.deletionTimestamp !== undefined && direction === 'Forward';
    const mayGo = isDeleted && trustProblem(undefined, caPairOf(cas, direction), facts) === undefined;
    const { clock } = this.#parts;
    const settleMs = this.#settleMs(facts);
    if (!mayGo) {
      memory.mustStay();
      await this.#step(object, cas, { facts, index });
    } else if (memory.mayGo(object, { nowMs: clock.monotonic(), settleMs })) await this.#release(object);
    else await syncRenewals(this.#parts.store, object, 'all');
  }

  async #step(
    object: RotationObject,
    cas: RotationCas,
    { facts, index }: { readonly facts: RotationFacts; readonly index: IndexState },
  ): Promise<void> {
    const { store, clock } = this.#parts;
    const memory = this.#memoryOf(object);
    const step = this.#nextStep(object, cas, { facts, index });
    const nowMs = clock.monotonic();
    const settleMs = this.#settleMs(facts);
    if (step.isNewPhase && !memory.isConfirmed(object, step.status, { nowMs, settleMs })) {
      if (settleMs > this.#parts.silentAfterMs) await this.#noteDelivery(object, step, { facts, index });
      return;
    }
    if (!step.isNewPhase) memory.unconfirm();
    if (step.isNewPhase && phaseOf(object) === 'Pending' && (await this.#isFinalizerAdded(object))) return;
    const isWritten = step.isNewPhase || memory.mayWrite(object, step, nowMs);
    const current = isWritten ? await this.#store(object, step) : object;
    // Another replica has stored its step: the next pass continues from there.
    if (current === undefined) return;
    await syncRenewals(store, current, step.held);
    await this.#rollWorkloads(current, step, facts);
  }

  #nextStep(
    object: RotationObject,
    cas: RotationCas,
    { facts, index }: { readonly facts: RotationFacts; readonly index: IndexState },
  ): Step {
    const { store, view, clock } = this.#parts;
    const memory = this.#memoryOf(object);
    const { generation } = object.metadata;
    return rotationStep({
      object,
      cas,
      facts,
      overlapping: overlappingRotation(object, store.list('CARotation')),
      nowMs: index.nowMs,
      planning: {
        progressOf: (round) => progressOf(store, object, round),
        volume: ({ node, volumeId }) => view().volume(node, volumeId),
        isComplete: (node) => index.isComplete(node),
        isTestDue: (issuer, round) => memory.isTestDue(issuer, { generation, round, nowMs: clock.monotonic() }),
      },
    });
  }

  /** Workloads are rolled only while the phase goes on, or waits for certificates. */
  async #rollWorkloads(object: RotationObject, { wait, isNewPhase }: Step, facts: RotationFacts): Promise<void> {
    const { podCertificates } = facts;
    if (isNewPhase || podCertificates === undefined || podCertificates.notFollowed !== undefined) return;
    const goesOn = wait === undefined || wait.pods !== undefined || wait.issuers !== undefined;
    if (goesOn) await this.#parts.roller?.advance(object, podCertificates);
  }

  /** The longest time in which a report, or a file that a kubelet writes, may still be on its way. */
  #settleMs({ podCertificates }: RotationFacts): number {
    return Math.max(this.#parts.silentAfterMs, podCertificates?.deliveryMs ?? 0);
  }

  /** Shows that a phase begins only after kubelets had time to write files into pods. */
  async #noteDelivery(
    object: RotationObject,
    { status: { phase = 'Pending' } }: Step,
    { facts, index }: { readonly facts: RotationFacts; readonly index: IndexState },
  ): Promise<void> {
    if (object.status?.waitingFor === 'AwaitingDelivery' || !isRisky(phase)) return;
    const wait = deliveryWait(phase);
    const parts = { state: stateOf(object), facts, wait, nowMs: index.nowMs };
    await storeStatus(this.#parts.store, 'CARotation', object, rotationStatus(object, parts));
  }

  /** @returns the object with the status of the step; undefined if another replica was first */
  async #store(object: RotationObject, step: Step): Promise<RotationObject | undefined> {
    const { store } = this.#parts;
    const stored = await storeStatus(store, 'CARotation', object, step.status);
    if (stored !== undefined) {
      await noteStep(this.#parts, object, { stored, wait: step.wait });
      return stored;
    }
    const current = store.find('CARotation', object.metadata.name);
    return current?.metadata.resourceVersion === object.metadata.resourceVersion ? current : undefined;
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
