import {
  FacetQuerySchema,
  GroupQuerySchema,
  VolumeExportSchema,
  VolumeQuerySchema,
} from '@certfleet/operator-api/volume-query.ts';
import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import {
  FacetsSchema,
  VolumeDetailSchema,
  VolumeGroupsSchema,
  VolumePageSchema,
  VolumePathSchema,
} from '@certfleet/operator-api/volumes.ts';
import type { VolumeGroups, VolumePage } from '@certfleet/operator-api/volumes.ts';
import { finished } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { tablePage } from '../../fleet-index/query/volume-table.ts';
import type { TableQuery } from '../../fleet-index/query/volume-table.ts';
import type { VolumeCriterion } from '../../fleet-index/query/volume-filter.ts';
import { describeSelection } from '../../fleet-index/query/volume-selection.ts';
import type { AuditedAction, AuditLog } from '../../audit/audit-log.ts';
import { view } from './api-context.ts';
import type { Api, ApiContext } from './api-context.ts';
import { secondCache } from '../views/second-cache.ts';
import { fleetFacets } from '../views/fleet-facets.ts';
import { exportFileName, exportRows } from './volume-export.ts';
import { riskCriterion, riskSources } from '../views/volume-risk.ts';
import { volumeGroups } from '../views/volume-groups.ts';
import { toVolumeDto } from '../views/volume-dto.ts';
import { volumeIdentity } from '../views/volume-row.ts';

/** Routes for the table of volumes, its export, and single volumes. */
export function volumeRoutes(api: Api, context: ApiContext): void {
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  const { clock } = context;
  const pages = secondCache<VolumePage>(clock, context.feed);
  const answers = { 200: VolumePageSchema };
  routes.get('/volumes', { ...view, schema: { querystring: VolumeQuerySchema, response: answers } }, ({ query }) =>
    pages.load(JSON.stringify(query), async () => {
      const risks = await riskSources(context);
      const { limit, after, before, ...table } = query;
      if (after !== undefined && before !== undefined)
        throw new CertfleetError('invalid-argument', 'expected `after` or `before`, found both');
      const nowMs = clock.now();
      const request = { limit, after, before, nowMs };
      const { rows, total, offset, next, previous } = tablePage(
        context.view(),
        tableQuery(table, riskCriterion(context, risks, table.risk)),
        request,
      );
      const volumes = rows.map(({ volume, status }) => toVolumeDto(context, volume, { status, risks }));
      return {
        volumes,
        total,
        offset,
        ...(next !== undefined && { next }),
        ...(previous !== undefined && { previous }),
      };
    }),
  );
  exportRoute(api, context);
  const groups = secondCache<VolumeGroups>(clock, context.feed);
  routes.get(
    '/volumes/groups',
    { ...view, schema: { querystring: GroupQuerySchema, response: { 200: VolumeGroupsSchema } } },
    ({ query }) => groups.load(JSON.stringify(query), () => volumeGroups(context, query)),
  );
  routes.get(
    '/volumes/facets',
    { ...view, schema: { querystring: FacetQuerySchema, response: { 200: FacetsSchema } } },
    ({ query }) => fleetFacets(context.view().stats(clock.now()), query),
  );
  routes.get(
    '/volumes/:node/:volumeId',
    { ...view, schema: { params: VolumePathSchema, response: { 200: VolumeDetailSchema } } },
    async ({ params: { node, volumeId } }) => {
      const fleet = context.view();
      const volume = fleet.volume(node, volumeId);
      if (volume === undefined) throw new CertfleetError('not-found', `there is no volume ${volumeId} on ${node}`);
      const status = fleet.statusOf(volume, clock.now());
      const history = await context.dispatcher.history.of({ node, volumeId });
      const risks = await riskSources(context);
      return { ...toVolumeDto(context, volume, { status, risks }), ...volumeIdentity(volume), history: [...history] };
    },
  );
}

function exportRoute(api: Api, context: ApiContext): void {
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  routes.get('/volumes/export', { ...view, schema: { querystring: VolumeExportSchema } }, async (request, reply) => {
    const { format, ...table } = request.query;
    const type = format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/json; charset=utf-8';
    const risks = await riskSources(context);
    const query = tableQuery(table, riskCriterion(context, risks, table.risk));
    const rows = exportRows(context, { query, risks }, format);
    const target = describeSelection({ query: table });
    await auditedStream(context.audit, { who: request.operator, action: 'export', target, detail: format }, rows);
    return await reply
      .type(type)
      .header('content-disposition', `attachment; filename="${exportFileName(context, 'volumes', format)}"`)
      .send(rows);
  });
}

/** Resolves once the audit log has the action; its outcome is recorded when the stream has ended. */
function auditedStream(audit: AuditLog, action: AuditedAction, stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    const act = async (): Promise<{ value: undefined; detail?: string }> => {
      const ended = finished(stream);
      resolve();
      await ended;
      return { value: undefined, ...(action.detail !== undefined && { detail: action.detail }) };
    };
    // If the client disconnects, the audit entry records the failure.
    audit.around(action, act).catch(() => undefined);
  });
}

type Table = VolumeFilter & {
  readonly risk?: string;
  readonly sort?: TableQuery['sort'];
  readonly order?: TableQuery['order'];
};

/** Applies the default order: the earliest expiry first. */
function tableQuery({ sort = 'expires', order = 'asc', ...filter }: Table, isWanted?: VolumeCriterion): TableQuery {
  return { filter, isWanted, sort, order };
}
