import { VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { FleetVolumes } from './fleet-volumes.ts';

/** A message's share of reports: far below gRPC's limit of 4 MB even when one report more is large. */
const chunkBytes = 128 * 1024;

/** What the volumes of some ids have become, in portions that a message can take. */
export interface ReportChunk {
  readonly reports: VolumeReport[];
  readonly goneIds: string[];
}

/** Reports on the ids in portions; each is taken when it is asked for, so none is older than its sending. */
export function* reportChunks(volumes: FleetVolumes, ids: Iterable<string>): Generator<ReportChunk> {
  let chunk: ReportChunk = { reports: [], goneIds: [] };
  let size = 0;
  for (const id of ids) {
    const report = volumes.report(id);
    if (report === undefined) chunk.goneIds.push(id);
    else chunk.reports.push(report);
    size += report === undefined ? id.length : VolumeReport.encode(report).finish().length;
    if (size < chunkBytes) continue;
    yield chunk;
    chunk = { reports: [], goneIds: [] };
    size = 0;
  }
  if (size > 0) yield chunk;
}
