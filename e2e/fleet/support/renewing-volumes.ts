import { MemoryVolumes } from '../../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import { reportOf } from './volume-report.ts';

/** Volumes whose renewal gives a certificate that is due in 50 minutes. */
export class RenewingVolumes extends MemoryVolumes {
  override async renew(volumeId: string, generation: number): Promise<string> {
    const before = this.report(volumeId);
    const outcome = await super.renew(volumeId, generation);
    if (outcome !== 'renewed') return outcome;
    const { namespace = 'shop', name: pod = volumeId } = before?.pod ?? {};
    const issuer = before?.issuer?.name ?? 'corporate';
    this.set(volumeId, reportOf(volumeId, { namespace, pod, issuer, generation: generation + 1 }));
    return outcome;
  }
}
