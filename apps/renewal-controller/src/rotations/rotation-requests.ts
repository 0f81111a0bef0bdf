import { randomBytes } from 'node:crypto';
import type { RotationRequest } from '@certfleet/operator-api/rotations.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { IntentStore, SpecPatch } from '../intent/intent-store.ts';
import type { CaRotationSpec } from '../intent/kinds/ca-rotation-kind.ts';
import { refuse } from '../renewals/refuse.ts';
import { toObjectSelection } from '../renewals/renewal-selection.ts';
import type { RotationReconcilerParts } from './reconciler-parts.ts';
import { readCaReference } from './ca-reference.ts';
import type { FleetCas } from './fleet-cas.ts';
import { readRotationCas } from './rotation-certificates.ts';
import { isFinished } from './rotation-object.ts';
import type { RotationObject } from './rotation-object.ts';
import type { RotationReconciler } from './rotation-reconciler.ts';

export interface RotationRequestsParts extends Pick<RotationReconcilerParts, 'logger'> {
  readonly store: IntentStore;
  readonly apiActions: Pick<RotationReconcilerParts['apiActions'], 'note'>;
  readonly reconciler: Pick<RotationReconciler, 'reconcile'>;
  readonly fleetCas: Pick<FleetCas, 'resolve'>;
}

type Gate = 'Reissue' | 'Retire';

/** Finished rotations that were requested through the API are deleted after 30 days. */
const ttlSecondsAfterFinished = 30 * 86_400;
const maxRequester = 256;
const maxListed = 1_000;
/** The status of a rotation in progress is written every few seconds. */
const maxAttempts = 5;

/** Requests of operators through the HTTP API: each changes a CARotation object, which the reconciler carries out. */
export class RotationRequests {
  readonly #parts: RotationRequestsParts;

  constructor(parts: RotationRequestsParts) {
    this.#parts = parts;
  }

  /** Latest first. */
  list(): readonly RotationObject[] {
    const { store } = this.#parts;
    return store
      .list('CARotation')
      .toSorted((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? 1 : -1))
      .slice(0, maxListed);
  }

  /** @throws CertfleetError not-found for an unknown name */
  find(name: string): RotationObject {
    const object = this.#parts.store.find('CARotation', name);
    if (object === undefined) throw new CertfleetError('not-found', `rotation ${name.slice(0, 253)} not found`);
    return object;
  }

  /**
   * Creates a rotation. Its object contains the certificates, also if the request names the CAs otherwise.
   * @throws CertfleetError invalid-argument for certificates that are no CAs, or an unknown CA; unavailable if it cannot
   * be stored, or no agent sends the certificate of a CA
   */
  async start(request: RotationRequest, by: string): Promise<RotationObject> {
    const { store, reconciler, logger } = this.#parts;
    const { name = `rotation-${randomBytes(6).toString('hex')}`, from, to, selection, ...others } = request;
    const named = { from: readCaReference('from', from), to: readCaReference('to', to) };
    const pems = await this.#parts.fleetCas.resolve(named);
    const checked = readRotationCas(pems);
    if ('problem' in checked) throw new CertfleetError('invalid-argument', checked.problem);
    const spec: CaRotationSpec = {
      from: { certificate: pems.from },
      to: { certificate: pems.to },
      ...others,
      ...(selection !== undefined && { selection: withoutCa(toObjectSelection(selection)) }),
      ...(by !== '' && { requester: by.slice(0, maxRequester) }),
      ttlSecondsAfterFinished,
    };
    const created = await store
      .create('CARotation', { name, spec })
      .catch((thrown: unknown) => refuse(thrown, `rotation ${name}`));
    logger.info({ rotation: name, by }, 'ca rotation requested');
    await reconciler.reconcile(name).catch((thrown: unknown) => {
      logger.warn({ rotation: name, error: asCertfleetError(thrown).message }, 'rotation not begun yet, retrying');
    });
    return store.find('CARotation', name) ?? created;
  }

  /** @throws CertfleetError not-found; failed-precondition if the rotation is finished */
  async setSuspended(name: string, suspend: boolean): Promise<RotationObject> {
    return await this.#patch(name, { suspend }, suspend ? 'suspend' : 'resume');
  }

  /** Returns to the replaced CA. @throws as `setSuspended` */
  async rollBack(name: string): Promise<RotationObject> {
    return await this.#patch(name, { rollback: true, suspend: null }, 'rollback');
  }

  /** Lets a phase start that `holdBefore` contains. @throws as `setSuspended` */
  async approve(name: string, phase: Gate): Promise<RotationObject> {
    const { store } = this.#parts;
    this.#findUnfinished(name);
    const what = `the approval of rotation ${name}`;
    for (let attempt = 1; ; attempt += 1) {
      const { metadata, spec } = await store.get('CARotation', name).catch((thrown: unknown) => refuse(thrown, what));
      const approved = [...new Set([...(spec.approved ?? []), phase])].sort();
      try {
        // Somebody may approve the other phase at the same time.
        const { resourceVersion } = metadata;
        return await store.patchSpec('CARotation', name, { approved }, { resourceVersion });
      } catch (thrown) {
        if (asCertfleetError(thrown).code !== 'aborted' || attempt >= maxAttempts) refuse(thrown, what);
      }
    }
  }

  /**
   * Deletes a rotation. One that has begun remains, marked as deleted, until no pod needs the roots that it has added.
   * @throws CertfleetError not-found
   */
  async delete(name: string): Promise<RotationObject> {
    const object = this.find(name);
    await this.#parts.store
      .delete('CARotation', name, object.metadata.uid)
      .catch((thrown: unknown) => refuse(thrown, `the deletion of rotation ${name}`));
    return this.#parts.store.find('CARotation', name) ?? object;
  }

  /** @throws CertfleetError not-found; failed-precondition if the rotation is finished */
  #findUnfinished(name: string): RotationObject {
    const object = this.find(name);
    if (isFinished(object)) throw new CertfleetError('failed-precondition', `rotation ${name} is finished`);
    return object;
  }

  async #patch(
    name: string,
    patch: SpecPatch<'CARotation'>,
    action: 'suspend' | 'resume' | 'rollback',
  ): Promise<RotationObject> {
    const { store, apiActions } = this.#parts;
    await apiActions.note(this.#findUnfinished(name).metadata.uid, action);
    return await store
      .patchSpec('CARotation', name, patch)
      .catch((thrown: unknown) => refuse(thrown, `the change of rotation ${name}`));
  }
}

type ObjectSelection = ReturnType<typeof toObjectSelection>;

/** @throws CertfleetError invalid-argument for a criterion that a rotation sets itself */
function withoutCa({
  caFingerprint,
  everything,
  ...selection
}: ObjectSelection): NonNullable<CaRotationSpec['selection']> {
  if (caFingerprint === undefined && everything === undefined) return selection;
  throw new CertfleetError('invalid-argument', 'the selection of a rotation needs a criterion other than the CA');
}
