import type { CsiDriverVolume, ReadyStatus } from '../observability/csi-driver-metrics.ts';
import type { AgentMetrics } from '../observability/agent-metrics.ts';
import { idHash } from '../spec/volume-labels.ts';
import type { Volume } from './volume.ts';

function readyStatus({ record, failedAttempts }: Pick<Volume, 'record' | 'failedAttempts'>): ReadyStatus {
  if (failedAttempts > 0) return 'False';
  return record.issued === undefined ? 'Unknown' : 'True';
}

/** Adds the metrics of csi-driver about the volumes of the node. */
export function addCsiDriverMetrics(
  metrics: AgentMetrics,
  nodeId: string,
  volumes: { volumes(): Iterable<Volume> },
): void {
  metrics.addCsiDriverMetrics(idHash(nodeId), () => Array.from(volumes.volumes(), csiDriverVolume));
}

/** The volume as the metrics of cert-manager's csi-driver show it. */
function csiDriverVolume(
  volume: Pick<Volume, 'volumeId' | 'spec' | 'record' | 'failedAttempts' | 'nextRequestName'>,
): CsiDriverVolume {
  const { volumeId, spec, record } = volume;
  const { issued } = record;
  return {
    volumeId,
    namespace: spec.pod.namespace,
    requestName: issued?.requestName ?? volume.nextRequestName,
    issuer: spec.issuer,
    ready: readyStatus(volume),
    notAfter: issued?.notAfter,
    renewAt: issued?.renewAt,
  };
}
