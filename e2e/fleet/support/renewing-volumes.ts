import type { VolumeReport } from '../../../libs/shared/gen/fleet/v1/fleet.ts';
import { CertfleetError } from '../../../libs/shared/src/errors.ts';
import { MemoryVolumes } from '../../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import { failureOf, reportOf } from './volume-report.ts';

const refusal = 'rate limit exceeded: 429 Too Many Requests';

/** Volumes whose renewal gives a certificate that is due in 50 minutes. */
export class RenewingVolumes extends MemoryVolumes {
  readonly #refused = new Set<string>();

  /** From now on the issuer rejects this volume. */
  refuse(volumeId: string): void {
    this.#refused.add(volumeId);
  }

  override async renew(volumeId: string, generation: number, isRequestedByPerson: boolean): Promise<string> {
    const before = this.report(volumeId);
    if (before !== undefined && this.#refused.has(volumeId)) this.#fail(before);
    const outcome = await super.renew(volumeId, generation, isRequestedByPerson);
    if (before === undefined || outcome !== 'renewed') return outcome;
    const { namespace, name: pod } = { namespace: 'shop', name: volumeId, ...before.pod };
    const issuer = before.issuer?.name ?? 'corporate';
    this.set(volumeId, reportOf(volumeId, { namespace, pod, issuer, generation: generation + 1 }));
    return outcome;
  }

  #fail(volume: VolumeReport): never {
    const attempts = (volume.lastFailure?.attempts ?? 0) + 1;
    this.set(volume.volumeId, { ...volume, lastFailure: failureOf({ message: refusal, attempts }) });
    throw new CertfleetError('resource-exhausted', refusal);
  }
}
