import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { RenewalStatus } from '../intent/kinds/renewal-kind.ts';
import { kubernetesUser } from './reconciler-parts.ts';
import type { RenewalReconcilerParts } from './reconciler-parts.ts';
import type { RenewalObject } from './renewal-object.ts';
import { RenewalTargets } from './renewal-targets.ts';
import { writeStatus } from './write-status.ts';

/** Divides the volumes of a selection: the canary has volumes of as many issuers and nodes as possible. */
export function splitCanary(
  volumes: readonly IndexedVolume[],
  size: number,
): { readonly canary: readonly IndexedVolume[]; readonly others: readonly IndexedVolume[] } {
  const byIssuer = [...grouped(volumes, ({ issuer }) => issuerKey(issuer)).values()];
  const mixed = inTurn(byIssuer.map((ofIssuer) => inTurn([...grouped(ofIssuer, ({ node }) => node).values()])));
  return { canary: mixed.slice(0, size), others: mixed.slice(size) };
}

function grouped<T>(values: readonly T[], keyOf: (value: T) => string): ReadonlyMap<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group === undefined) groups.set(keyOf(value), [value]);
    else group.push(value);
  }
  return groups;
}

/** The first value of each list, then the second of each. */
function inTurn<T>(lists: readonly (readonly T[])[]): T[] {
  const taken: T[] = [];
  for (let i = 0, left = lists; left.length > 0; i += 1) {
    left = left.filter(({ length }) => length > i);
    for (const list of left) taken.push(...list.slice(i, i + 1));
  }
  return taken;
}

/** The targets of a selection as the status contains them. */
export function targetFields(
  { spec }: RenewalObject,
  volumes: readonly IndexedVolume[],
): Pick<RenewalStatus, 'targets' | 'canary'> {
  if (spec.canary === undefined) return { targets: RenewalTargets.of(volumes).toStatus() };
  const { canary, others } = splitCanary(volumes, spec.canary.volumes);
  const total = canary.length;
  return {
    targets: RenewalTargets.of(others).toStatus(),
    canary: { total, pending: total, targets: RenewalTargets.of(canary).toStatus() },
  };
}

/** @returns the status with the approval; undefined if there is none to be stored */
function approvedStatus({ status }: RenewalObject, by: string, nowMs: number): RenewalStatus | undefined {
  if (status?.canary === undefined || status.canary.approvalTime !== undefined) return undefined;
  const approvalTime = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  return { ...status, canary: { ...status.canary, pending: 0, approvedBy: by.slice(0, maxUser), approvalTime } };
}

const maxUser = 256;

/**
 * Stores the approval of a spec in the status, where a later change of the spec does not withdraw it.
 * @returns the object to be carried out; undefined if another replica has changed it
 */
export async function storeApproval(
  parts: Pick<RenewalReconcilerParts, 'store' | 'clock' | 'recordEvent' | 'audit' | 'announce'>,
  object: RenewalObject,
): Promise<RenewalObject | undefined> {
  if (object.spec.canary?.approved !== true) return object;
  const status = approvedStatus(object, kubernetesUser, parts.clock.now());
  if (status === undefined) return object;
  const stored = await writeStatus(parts, object, status);
  if (stored === undefined) return undefined;
  const { name } = object.metadata;
  parts.recordEvent(stored, { type: 'Normal', reason: 'Approved', message: 'the volumes after the canary may start' });
  await parts.audit.write({
    ...{ who: kubernetesUser, action: 'approve', target: `renewal ${name}` },
    reason: object.spec.reason,
  });
  await parts.announce(['renewals']);
  return stored;
}

/** The status of a running renewal is written every few seconds. */
const maxAttempts = 5;

/**
 * Changes the status of a renewal for an operator, also while replicas write it. Nothing else changes a status for good:
 * GitOps restores the spec of its objects.
 * @param change returns undefined if there is nothing to change
 */
export async function changeStatus(
  store: Pick<RenewalReconcilerParts['store'], 'get' | 'updateStatus'>,
  name: string,
  change: (object: RenewalObject) => RenewalStatus | undefined,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const fresh = await store.get('Renewal', name);
    const status = change(fresh);
    if (status === undefined) return;
    try {
      await store.updateStatus('Renewal', fresh, status);
      return;
    } catch (thrown) {
      if (asCertfleetError(thrown).code !== 'aborted' || attempt >= maxAttempts) throw thrown;
    }
  }
}

/** The status with the approval of an operator. @throws CertfleetError failed-precondition if there is no canary */
export function approve(object: RenewalObject, by: string, nowMs: number): RenewalStatus | undefined {
  const { metadata, spec, status } = object;
  if (spec.canary === undefined)
    throw new CertfleetError('failed-precondition', `renewal ${metadata.name} has no canary`);
  if (status?.canary === undefined)
    throw new CertfleetError('failed-precondition', `renewal ${metadata.name} has not selected its volumes yet`);
  return approvedStatus(object, by === '' ? kubernetesUser : by, nowMs);
}
