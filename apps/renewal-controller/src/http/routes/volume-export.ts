import { Readable } from 'node:stream';
import { batches } from '@certfleet/shared/batches.ts';
import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import { tableRows } from '../../fleet-index/query/volume-table.ts';
import type { TableQuery } from '../../fleet-index/query/volume-table.ts';
import type { ApiContext } from './api-context.ts';
import { csvLine } from './csv.ts';
import type { RiskSources } from '../views/volume-risk.ts';
import { toVolumeDto } from '../views/volume-dto.ts';

/** A row of the table; files of several clusters can be joined. */
type ExportedRow = VolumeRow & { readonly cluster?: string };

/** Columns of the CSV file, in order. */
const columns: Readonly<Record<string, (row: ExportedRow) => string | number | undefined>> = {
  namespace: ({ namespace }) => namespace,
  pod: ({ pod }) => pod,
  node: ({ node }) => node,
  issuer: ({ issuer }) => issuer,
  state: ({ state }) => state,
  waiting: ({ waiting }) => waiting?.reason,
  risk: ({ risk }) => risk?.reason,
  risk_since: ({ risk }) => risk?.since,
  expires: ({ notAfter }) => notAfter,
  renews: ({ renewAt }) => renewAt,
  issued: ({ issuedAt }) => issuedAt,
  cause: ({ cause }) => cause,
  generation: ({ generation }) => generation,
  key_type: ({ keyType }) => keyType,
  serial: ({ serial }) => serial,
  subject: ({ subject }) => subject,
  dns_names: ({ dnsNames }) => dnsNames.join(' '),
  attempts: ({ attempts }) => attempts,
  error: ({ failure }) => failure?.message,
  served: ({ served }) => served?.state,
  served_since: ({ served }) => served?.since,
  workload: ({ workload }) => workload,
  labels: ({ labels = {} }) =>
    Object.entries(labels)
      .map((label) => label.join('='))
      .join(' '),
  key_bits: ({ posture }) => posture?.keyBits,
  curve: ({ posture }) => posture?.curve,
  signature: ({ posture }) => posture?.signature,
  lifetime_seconds: ({ lifetimeSeconds }) => lifetimeSeconds,
  requested_seconds: ({ posture }) => posture?.requestedSeconds,
  is_ca: ({ posture }) => posture && String(posture.isCa),
  usages: ({ posture }) => posture?.usages.join('; '),
  volume_id: ({ volumeId }) => volumeId,
  cluster: ({ cluster }) => cluster,
};

const batchSize = 500;

/** Streams the whole table; rows are produced as fast as the client reads. */
export function exportRows(
  context: ApiContext,
  { query, risks }: { readonly query: TableQuery; readonly risks: RiskSources },
  format: 'csv' | 'json',
): Readable {
  const rows = shownRows(context, query, risks);
  return Readable.from(format === 'csv' ? csvText(rows) : jsonText(rows));
}

function* csvText(batchesOfRows: Iterable<readonly ExportedRow[]>): Generator<string> {
  yield csvLine(Object.keys(columns));
  const cells = Object.values(columns);
  for (const rows of batchesOfRows) {
    yield rows.map((row) => csvLine(cells.map((cell) => cell(row)))).join('');
  }
}

function* jsonText(batchesOfRows: Iterable<readonly ExportedRow[]>): Generator<string> {
  let opening = '[\n';
  for (const rows of batchesOfRows) {
    yield `${opening}${rows.map((row) => JSON.stringify(row)).join(',\n')}`;
    opening = ',\n';
  }
  yield opening === ',\n' ? '\n]\n' : '[]\n';
}

function* shownRows(context: ApiContext, query: TableQuery, risks: RiskSources): Generator<readonly ExportedRow[]> {
  const rows = tableRows(context.view(), query, context.clock.now());
  const { cluster } = context;
  for (const some of batches(rows, batchSize)) {
    yield some.map(({ volume, status }) => ({
      ...toVolumeDto(context, volume, { status, risks }),
      ...(cluster !== undefined && { cluster }),
    }));
  }
}

/** Name of a file of this day, with the name of the cluster. */
export function exportFileName(
  { cluster, clock }: Pick<ApiContext, 'cluster' | 'clock'>,
  what: string,
  format: string,
): string {
  const day = new Date(clock.now()).toISOString().slice(0, 10);
  return `${['certfleet', ...(cluster === undefined ? [] : [cluster]), what, day].join('-')}.${format}`;
}
