import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { measureTargets } from './measure-targets.ts';
import type { TargetMeasurement } from './measure-targets.ts';
import { isApproved } from './renewal-object.ts';
import type { RenewalObject } from './renewal-object.ts';
import { RenewalTargets } from './renewal-targets.ts';

/** Pending volumes that the bulk renewal in Redis does not have. */
export interface Outside {
  /** Volumes that wait for the approval after the canary. */
  readonly held: number;
  /** Volumes on nodes that have not reported since Redis lost its data. */
  readonly unreported: number;
}

/** What is left of a renewal by the reports of the nodes. */
export interface WorkLeft extends Outside {
  readonly measured: TargetMeasurement;
  /** The pending volumes that may be renewed now. */
  readonly wanted: readonly IndexedVolume[];
  /** Pending volumes of the canary, also unreported ones. */
  readonly canaryPending: number;
}

/**
 * Compares the targets of a renewal with the reports.
 * @throws CertfleetError failed-precondition if the status does not contain every target: nothing is known about the
 * missing ones, so nothing may be started or counted as done
 */
export async function workLeft(
  object: RenewalObject,
  volumesOf: (node: string) => Iterable<IndexedVolume>,
  isComplete: (node: string) => boolean,
): Promise<WorkLeft> {
  const { spec, status } = object;
  const all = allTargets(object);
  const count = all.count();
  if (count !== status?.total || (spec.canary !== undefined && status.canary === undefined))
    throw incompleteTargets(object, count);
  const measured = await measureTargets(all, volumesOf, isComplete);
  const { pending, unreported } = measured;
  if (isApproved(object)) return { measured, wanted: pending, held: 0, unreported, canaryPending: 0 };
  const canary = RenewalTargets.parse(status.canary?.targets ?? []);
  const ofCanary = await measureTargets(canary, volumesOf, isComplete);
  return {
    measured,
    wanted: ofCanary.pending,
    held: pending.length - ofCanary.pending.length,
    unreported,
    canaryPending: ofCanary.pending.length + ofCanary.unreported,
  };
}

/**
 * All targets of a renewal. Those of the canary are only in their own field of the status: a release that does not know it
 * finds fewer targets than the total, and starts nothing.
 */
export function allTargets({ status }: Pick<RenewalObject, 'status'>): RenewalTargets {
  return RenewalTargets.parse([...(status?.canary?.targets ?? []), ...(status?.targets ?? [])]);
}

function incompleteTargets({ metadata, status }: RenewalObject, count: number): CertfleetError {
  const text = `renewal ${metadata.name}: expected ${status?.total} targets in its status, found ${count}`;
  const help = 'apply the CustomResourceDefinition of this release, delete the object and request the renewal again';
  return new CertfleetError('failed-precondition', `${text}; ${help}`);
}
