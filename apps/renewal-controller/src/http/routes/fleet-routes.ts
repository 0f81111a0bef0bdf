import { CaHistorySchema, CasSchema } from '@certfleet/operator-api/cas.ts';
import type { CaHistory, Cas } from '@certfleet/operator-api/cas.ts';
import { NodeDetailSchema, NodePathSchema, NodesSchema } from '@certfleet/operator-api/nodes.ts';
import type { Node } from '@certfleet/operator-api/nodes.ts';
import { SummarySchema, VerdictSchema } from '@certfleet/operator-api/summary.ts';
import type { Summary } from '@certfleet/operator-api/summary.ts';
import { TimelineSchema } from '@certfleet/operator-api/timeline.ts';
import type { Timeline } from '@certfleet/operator-api/timeline.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { noVolumes } from '../../fleet-index/view/fleet-stats.ts';
import type { NodeState } from '../../fleet-index/model/node-session.ts';
import { view } from './api-context.ts';
import type { Api, ApiContext } from './api-context.ts';
import { serializeOnce } from './serialize-once.ts';
import { CaDirectory } from '../views/ca-directory.ts';
import { caShare } from '../views/ca-share.ts';
import { fleetSummary } from '../views/fleet-summary.ts';
import { fleetTimeline } from '../views/fleet-timeline.ts';
import { secondCache } from '../views/second-cache.ts';
import { iso } from '../views/volume-row.ts';

/** Routes for the fleet summary, the timeline and nodes. */
export function fleetRoutes(api: Api, context: ApiContext): void {
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  const summaries = secondCache<Summary>(context.clock, context.feed);
  const timelines = secondCache<Timeline>(context.clock, context.feed);
  const sendSummary = serializeOnce();
  routes.get('/summary', { ...view, schema: { response: { 200: SummarySchema } } }, async (_request, reply) =>
    sendSummary(reply, await summaries.load('', () => fleetSummary(context))),
  );
  routes.get('/verdict', { ...view, schema: { response: { 200: VerdictSchema } } }, async () => {
    const { verdict } = await summaries.load('', () => fleetSummary(context));
    return verdict;
  });
  caRoutes(api, context);
  const sendTimeline = serializeOnce();
  routes.get('/timeline', { ...view, schema: { response: { 200: TimelineSchema } } }, async (_request, reply) =>
    sendTimeline(reply, await timelines.load('', () => fleetTimeline(context))),
  );
  routes.get('/nodes', { ...view, schema: { response: { 200: NodesSchema } } }, () => ({
    at: iso(context.clock.now()),
    nodes: context
      .view()
      .nodes()
      .map((node) => toNodeDto(context, node)),
  }));
  routes.get(
    '/nodes/:node',
    { ...view, schema: { params: NodePathSchema, response: { 200: NodeDetailSchema } } },
    async ({ params }) => {
      const node = context.view().node(params.node);
      if (node === undefined) throw new CertfleetError('not-found', `there is no node ${params.node}`);
      const waiting = await context.dispatcher.nodeQueues.waiting(node.node).catch(() => undefined);
      return { ...toNodeDto(context, node), ...(waiting !== undefined && { waiting }) };
    },
  );
}

function caRoutes(api: Api, context: ApiContext): void {
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  const directory = new CaDirectory(context);
  const cas = secondCache<Cas>(context.clock, context.feed);
  routes.get('/cas', { ...view, schema: { response: { 200: CasSchema } } }, () => cas.load('', () => directory.list()));
  const shares = secondCache<CaHistory>(context.clock, context.feed);
  routes.get('/cas/history', { ...view, schema: { response: { 200: CaHistorySchema } } }, () =>
    shares.load('', () => caShare(context, (fingerprint) => directory.subjectOf(fingerprint))),
  );
}

function toNodeDto({ view: fleet, clock, silentAfterMs }: ApiContext, node: NodeState): Node {
  const nowMs = clock.now();
  const { lastSeenMs } = node;
  return {
    node: node.node,
    agentVersion: node.agentVersion,
    connectedTo: node.connectedTo,
    // Zero during the first seconds after the node has registered.
    ...(lastSeenMs > 0 && { lastSeen: iso(lastSeenMs) }),
    isSilent: lastSeenMs > 0 && nowMs - lastSeenMs > silentAfterMs,
    volumes: fleet().volumesOn(node.node),
    byState: fleet().stats(nowMs).nodes.get(node.node)?.byState ?? noVolumes(),
  };
}
