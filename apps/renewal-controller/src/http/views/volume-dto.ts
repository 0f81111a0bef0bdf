import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import type { IndexedVolume } from '../../fleet-index/model/indexed-volume.ts';
import type { ApiContext } from '../routes/api-context.ts';
import { riskOf } from './volume-risk.ts';
import type { RiskSources } from './volume-risk.ts';
import { volumeRow } from './volume-row.ts';

/** Converts a volume to a table row, with its status in its lane. */
export function toVolumeDto(
  { view, policies }: Pick<ApiContext, 'view' | 'policies'>,
  volume: IndexedVolume,
  { status, risks }: { readonly status: VolumeStatus; readonly risks?: RiskSources },
): VolumeRow {
  const { id: laneId } = policies.laneOf(volume.issuer);
  const risk = risks && riskOf(risks, volume, { status, laneId });
  return { ...volumeRow(volume, { status, wait: view().waitOf(volume), laneId }), ...(risk && { risk }) };
}
