import { VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { FleetVolumes } from './fleet-volumes.ts';

/** Maximum size of the reports in a message: far below gRPC's limit of 4 MB, even if the last report is large. */
const chunkBytes = 128 * 1024;

/** Reports on some volumes, and the ids of those that no longer exist, for one message. */
export interface ReportChunk {
  readonly reports: VolumeReport[];
  readonly goneIds: string[];
}

/**
 * Reports on the ids in chunks. Each report is created when its chunk is requested, so that it is current when sent.
 */
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
