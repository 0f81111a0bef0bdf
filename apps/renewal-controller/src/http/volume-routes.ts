import { FacetQuerySchema, VolumeExportSchema, VolumeQuerySchema } from '@certfleet/operator-api/volume-query.ts';
import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import {
  FacetsSchema,
  VolumeDetailSchema,
  VolumePageSchema,
  VolumePathSchema,
} from '@certfleet/operator-api/volumes.ts';
import type { VolumePage } from '@certfleet/operator-api/volumes.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { tablePage } from '../fleet-index/volume-table.ts';
import type { TableQuery } from '../fleet-index/volume-table.ts';
import { view } from './api-context.ts';
import type { Api, ApiContext } from './api-context.ts';
import { SecondCache } from './second-cache.ts';
import { fleetFacets } from './fleet-facets.ts';
import { exportRows } from './volume-export.ts';
import { shownVolume } from './shown-volume.ts';
import { volumeIdentity } from './volume-row.ts';

/** The table of volumes, as pages and as a file, and each volume by itself. */
export function volumeRoutes(api: Api, context: ApiContext): void {
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  const { clock } = context;
  const pages = new SecondCache<VolumePage>(clock, context.feed);
  const answers = { 200: VolumePageSchema };
  routes.get('/volumes', { ...view, schema: { querystring: VolumeQuerySchema, response: answers } }, ({ query }) =>
    pages.get(JSON.stringify(query), () => {
      const { limit, after, ...table } = query;
      const nowMs = clock.now();
      const { rows, total, next } = tablePage(context.view(), tableQuery(table), { limit, after, nowMs });
      const volumes = rows.map(({ volume, word }) => shownVolume(context, volume, word));
      return { volumes, total, ...(next !== undefined && { next }) };
    }),
  );
  routes.get('/volumes/export', { ...view, schema: { querystring: VolumeExportSchema } }, async ({ query }, reply) => {
    const { format, ...table } = query;
    const day = new Date(clock.now()).toISOString().slice(0, 10);
    const type = format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/json; charset=utf-8';
    return await reply
      .type(type)
      .header('content-disposition', `attachment; filename="certfleet-volumes-${day}.${format}"`)
      .send(exportRows(context, tableQuery(table), format));
  });
  routes.get(
    '/volumes/facets',
    { ...view, schema: { querystring: FacetQuerySchema, response: { 200: FacetsSchema } } },
    ({ query }) => fleetFacets(context.view().census(clock.now()), query),
  );
  routes.get(
    '/volumes/:node/:volumeId',
    { ...view, schema: { params: VolumePathSchema, response: { 200: VolumeDetailSchema } } },
    async ({ params: { node, volumeId } }) => {
      const fleet = context.view();
      const volume = fleet.volume(node, volumeId);
      if (volume === undefined) throw new CertfleetError('not-found', `there is no volume ${volumeId} on ${node}`);
      const word = fleet.wordOf(volume, clock.now());
      const history = await context.dispatcher.history.of({ node, volumeId });
      return { ...shownVolume(context, volume, word), ...volumeIdentity(volume), history: [...history] };
    },
  );
}

type Table = VolumeFilter & { readonly sort?: TableQuery['sort']; readonly order?: TableQuery['order'] };

/** What is asked, with the defaults: what expires first comes first. */
function tableQuery({ sort = 'expires', order = 'asc', ...filter }: Table): TableQuery {
  return { filter, sort, order };
}
