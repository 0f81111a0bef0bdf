import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { intentApiVersion } from '../intent/intent-kinds.ts';
import type { IntentStore } from '../intent/intent-store.ts';
import type { RenewalSpec } from '../intent/kinds/renewal-kind.ts';
import type { RenewalObject } from '../renewals/renewal-object.ts';
import { RenewalTargets } from '../renewals/renewal-targets.ts';
import type { RoundProgress } from './reissue-plan.ts';
import { renewalNameOf, rotationLabel } from './rotation-object.ts';
import type { RotationObject, Round } from './rotation-object.ts';
import type { Step } from './rotation-step.ts';

type Store = Pick<IntentStore, 'list' | 'find' | 'get' | 'create' | 'patchSpec' | 'delete'>;

const maxRequester = 256;

/** The Renewals of a rotation, from the cache. */
function ownedBy(store: Pick<Store, 'list'>, { metadata }: RotationObject): readonly RenewalObject[] {
  return store.list('Renewal').filter((renewal) => renewal.metadata.labels?.[rotationLabel] === metadata.uid);
}

/** What the Renewal of a round has achieved; undefined if it does not exist. */
export function progressOf(
  store: Pick<Store, 'find'>,
  object: RotationObject,
  round: Round,
): RoundProgress | undefined {
  const renewal = store.find('Renewal', renewalNameOf(object, round));
  if (renewal === undefined) return undefined;
  const { state, conditions = [] } = renewal.status ?? {};
  const rejection = conditions.find(({ type, status }) => type === 'Failed' && status === 'True')?.message;
  return { isCompleted: state === 'Completed', ...(rejection !== undefined && { rejection }) };
}

/**
 * Whether a Renewal of the rotation will replace a generation of a volume. While the selection of one of them is not
 * made, everything counts as covered, so that nothing is requested twice.
 */
export function coverageOf(store: Pick<Store, 'find'>, object: RotationObject): (volume: IndexedVolume) => boolean {
  const targets: RenewalTargets[] = [];
  for (const round of object.status?.rounds ?? []) {
    const { status } = store.find('Renewal', renewalNameOf(object, round)) ?? {};
    if (status?.state === 'Failed' || status?.state === 'Completed') continue;
    if (status?.targets === undefined) return () => true;
    targets.push(RenewalTargets.parse(status.targets));
  }
  return (volume) => targets.some((each) => each.has(volume));
}

/**
 * Makes the Renewals of a rotation what its stored status demands: creates the missing ones, suspends or resumes them,
 * and deletes the others. Every step can be repeated, from any replica.
 */
export async function syncRenewals(store: Store, object: RotationObject, held: Step['held']): Promise<void> {
  const rounds = new Map((object.status?.rounds ?? []).map((round) => [renewalNameOf(object, round), round]));
  for (const { metadata } of ownedBy(store, object))
    if (!rounds.has(metadata.name)) await deleteRenewal(store, metadata);
  for (const [name, round] of rounds) {
    const renewal = store.find('Renewal', name);
    const isHeld = held === 'all' || (held !== 'unchanged' && held.has(round.number));
    if (renewal === undefined) await createRenewal(store, object, { round, isHeld });
    else if (held !== 'unchanged') await setHeld(store, renewal, isHeld);
  }
}

async function setHeld(store: Store, { metadata, spec, status }: RenewalObject, isHeld: boolean): Promise<void> {
  if ((spec.suspend ?? false) === isHeld || status?.state === 'Completed') return;
  await store.patchSpec('Renewal', metadata.name, { suspend: isHeld });
}

/** Deletes every Renewal of a rotation, and so cancels what is in progress. */
export async function deleteRenewals(store: Store, object: RotationObject): Promise<void> {
  for (const { metadata } of ownedBy(store, object)) await deleteRenewal(store, metadata);
}

async function deleteRenewal(store: Store, { name, uid }: RenewalObject['metadata']): Promise<void> {
  await store.delete('Renewal', name, uid).catch(ignore('not-found', 'aborted'));
}

async function createRenewal(
  store: Store,
  object: RotationObject,
  { round, isHeld }: { readonly round: Round; readonly isHeld: boolean },
): Promise<void> {
  const { name, uid } = object.metadata;
  // The cache may not know yet that the round is over, or that the rotation was suspended or deleted.
  const fresh = await store.get('CARotation', name);
  const isWanted = fresh.metadata.uid === uid && fresh.metadata.generation === object.metadata.generation;
  if (!isWanted || !(fresh.status?.rounds ?? []).some(({ number }) => number === round.number)) return;
  const spec: RenewalSpec = {
    selection: selectionOf(object, round),
    reason: object.spec.reason,
    requester: `rotation ${name}`.slice(0, maxRequester),
    ...(isHeld && { suspend: true }),
  };
  const owner = { apiVersion: intentApiVersion, kind: 'CARotation', name, uid, controller: true };
  await store
    .create('Renewal', { name: renewalNameOf(object, round), labels: { [rotationLabel]: uid }, owner, spec })
    // Another replica was first.
    .catch(ignore('already-exists'));
}

function selectionOf({ spec, status }: RotationObject, round: Round): RenewalSpec['selection'] {
  const { issuer, caFingerprint, volumes } = round;
  if (volumes !== undefined) return { volumes: volumes.map(({ node, volumeId }) => ({ node, volumeId })) };
  return {
    // A rollback concerns every volume, selected or not.
    ...(status?.direction === 'Backward' ? {} : spec.selection),
    ...(issuer !== undefined && { issuer }),
    ...(caFingerprint !== undefined && { caFingerprint }),
  };
}

function ignore(...codes: readonly string[]): (thrown: unknown) => void {
  return (thrown) => {
    if (!codes.includes(asCertfleetError(thrown).code)) throw thrown;
  };
}
