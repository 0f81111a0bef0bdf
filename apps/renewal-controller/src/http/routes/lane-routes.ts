import { IdSchema } from '@certfleet/operator-api/fields.ts';
import {
  LaneHistorySchema,
  LanePageSchema,
  LaneQuerySchema,
  LaneSchema,
  PauseSchema,
} from '@certfleet/operator-api/lanes.ts';
import type { LaneHistory } from '@certfleet/operator-api/lanes.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { IssuerHistory, Latency } from '../../dispatch/issuer-history.ts';
import { secondCache } from '../views/second-cache.ts';
import { iso } from '../views/volume-row.ts';
import { renew, view } from './api-context.ts';
import type { Api, ApiContext } from './api-context.ts';

const historyHours = 48;

/** Routes to list, pause and resume lanes. */
export function laneRoutes(api: Api, { lanes, pauses, audit, announce, dispatcher, clock, feed }: ApiContext): void {
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  const tell = async (): Promise<void> => {
    lanes.changed();
    await announce(['lanes']);
  };
  const one = { params: IdSchema, response: { 200: LaneSchema } };
  routes.get(
    '/lanes',
    { ...view, schema: { querystring: LaneQuerySchema, response: { 200: LanePageSchema } } },
    ({ query }) => lanes.page(query),
  );
  routes.get('/lanes/:id', { ...view, schema: one }, ({ params }) => lanes.one(params.id));
  const histories = secondCache<LaneHistory>(clock, feed);
  const past = { params: IdSchema, response: { 200: LaneHistorySchema } };
  routes.get('/lanes/:id/history', { ...view, schema: past }, async ({ params }) => {
    const { id } = await lanes.one(params.id);
    return await histories.load(id, async () => toHistoryDto(await dispatcher.history.ofIssuer(id, historyHours)));
  });
  routes.post(
    '/lanes/:id/pause',
    { ...renew, schema: { ...one, body: PauseSchema } },
    async ({ params, body, operator }) => {
      const { issuer, key } = await lanes.one(params.id);
      const action = { who: operator, action: 'pause', target: `lane ${key}`, reason: body.reason } as const;
      await audit.around(action, async () => {
        await pauses.pause(issuer, { by: operator, reason: body.reason });
        return { value: undefined };
      });
      await tell();
      return await lanes.one(params.id);
    },
  );
  routes.post('/lanes/:id/resume', { ...renew, schema: one }, async ({ params, operator }) => {
    const { issuer, key } = await lanes.one(params.id);
    await audit.around({ who: operator, action: 'resume', target: `lane ${key}` }, async () => {
      await pauses.resume(issuer, operator);
      return { value: undefined };
    });
    await tell();
    return await lanes.one(params.id);
  });
}

function toHistoryDto({ hours, latency }: IssuerHistory): LaneHistory {
  return {
    hours: hours.map(({ fromMs, renewed, failed, latency: ofHour }) => ({
      ...{ from: iso(fromMs), renewed, failed },
      ...toLatencyDto(ofHour),
    })),
    ...toLatencyDto(latency),
  };
}

function toLatencyDto({ p50Ms, p99Ms }: Latency): Pick<LaneHistory, 'p50Ms' | 'p99Ms'> {
  return { ...(p50Ms !== undefined && { p50Ms }), ...(p99Ms !== undefined && { p99Ms }) };
}
