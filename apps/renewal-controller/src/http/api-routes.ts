import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import type { RenewalDispatcher } from '../dispatch/renewal-dispatcher.ts';
import type { FleetView } from '../fleet-index/fleet-view.ts';
import type { LaneState } from '../lanes/lane-store.ts';
import { issuerKey } from '../fleet-index/volume-state.ts';
import { IdSchema, PauseSchema, RenewalRequestSchema, VolumeQuerySchema } from './schemas.ts';
import { volumePage } from './volume-page.ts';
import type { SelectVolumes } from './volume-selector.ts';

/** What the routes work with. */
export interface ApiRoutesOptions {
  readonly view: () => FleetView;
  readonly dispatcher: Pick<RenewalDispatcher, 'bulks' | 'lanes' | 'pauseLane' | 'resumeLane'>;
  readonly selectVolumes: SelectVolumes;
  readonly silentAfterMs: number;
  readonly clock: Clock;
}

/** The API as fastify knows it. */
export type Api = FastifyInstance;

const view = { config: { right: 'view' } } as const;
const renew = { config: { right: 'renew' } } as const;

/** Looking at the fleet. */
export function viewRoutes(api: Api, options: ApiRoutesOptions): void {
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  const { clock, dispatcher, silentAfterMs } = options;
  routes.get('/api/v1/volumes', { ...view, schema: { querystring: VolumeQuerySchema } }, ({ query }) =>
    volumePage(options.view(), query, clock.now()),
  );
  routes.get('/api/v1/nodes', view, () => ({
    nodes: options
      .view()
      .nodes()
      .map((node) => ({
        ...node,
        lastSeenMs: undefined,
        // Unknown for the first seconds after a node has enrolled.
        lastSeen: node.lastSeenMs === 0 ? undefined : new Date(node.lastSeenMs).toISOString(),
        isSilent: node.lastSeenMs > 0 && clock.now() - node.lastSeenMs > silentAfterMs,
        volumes: options.view().volumesOn(node.node),
      })),
  }));
  routes.get('/api/v1/lanes', view, async () => ({ lanes: (await dispatcher.lanes.list()).map(shownLane) }));
  routes.get('/api/v1/summary', view, () => options.view().summary(clock.now()));
  routes.get('/api/v1/renewals', view, async () => ({ renewals: await dispatcher.bulks.list() }));
  routes.get('/api/v1/renewals/:id', { ...view, schema: { params: IdSchema } }, ({ params }) =>
    dispatcher.bulks.progress(params.id),
  );
}

/** Having volumes renewed, and lanes held. */
export function renewRoutes(api: Api, { dispatcher, selectVolumes }: ApiRoutesOptions): void {
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  routes.post(
    '/api/v1/renewals',
    { ...renew, schema: { body: RenewalRequestSchema } },
    async ({ body, operator }, reply) => {
      const { selection: wanted, reason, dryRun = false, ignoreWindows = false, everything = false } = body;
      if (Object.keys(wanted).length === 0 && !everything) {
        throw new CertfleetError('invalid-argument', 'expected a criterion, or everything: true for the whole fleet');
      }
      const selection = await selectVolumes(wanted);
      if (dryRun) return { dryRun: true, ...dispatcher.bulks.preview(selection) };
      const id = await dispatcher.bulks.request(selection, { by: operator, reason, ignoreWindows });
      return await reply.code(202).send(await dispatcher.bulks.progress(id));
    },
  );
  routes.delete('/api/v1/renewals/:id', { ...renew, schema: { params: IdSchema } }, ({ params }) =>
    dispatcher.bulks.cancel(params.id),
  );
  routes.post(
    '/api/v1/lanes/:id/pause',
    { ...renew, schema: { params: IdSchema, body: PauseSchema } },
    async ({ params, body, operator }) => {
      const { issuer } = await laneOf(dispatcher, params.id);
      await dispatcher.pauseLane(issuer, { by: operator, reason: body.reason });
      return shownLane(await dispatcher.lanes.state(issuer));
    },
  );
  routes.post('/api/v1/lanes/:id/resume', { ...renew, schema: { params: IdSchema } }, async ({ params, operator }) => {
    const { issuer } = await laneOf(dispatcher, params.id);
    await dispatcher.resumeLane(issuer, operator);
    return shownLane(await dispatcher.lanes.state(issuer));
  });
}

function shownLane(lane: LaneState): LaneState & { readonly key: string } {
  return { key: issuerKey(lane.issuer), ...lane };
}

async function laneOf(dispatcher: Pick<RenewalDispatcher, 'lanes'>, id: string): Promise<LaneState> {
  const lane = (await dispatcher.lanes.list()).find((each) => each.id === id);
  if (lane === undefined) throw new CertfleetError('not-found', `there is no lane ${id}`);
  return lane;
}
