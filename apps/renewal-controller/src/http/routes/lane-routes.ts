import { IdSchema } from '@certfleet/operator-api/fields.ts';
import { LanePageSchema, LaneQuerySchema, LaneSchema, PauseSchema } from '@certfleet/operator-api/lanes.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { renew, view } from './api-context.ts';
import type { Api, ApiContext } from './api-context.ts';

/** Routes to list, pause and resume lanes. */
export function laneRoutes(api: Api, { lanes, pauses, audit, announce }: ApiContext): void {
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
