// A child process with the agents of many nodes: the agent's link code with volumes in memory. Its parent
// (agent-host.ts) sends orders, freezes it and cuts its connections.
import { FleetLink } from '../../../../apps/node-agent/src/fleet/fleet-link.ts';
import type { ControllerAccess } from '../../../../apps/node-agent/src/fleet/controller-client.ts';
import { systemClock } from '../../../../libs/shared/src/clock.ts';
import type { Clock } from '../../../../libs/shared/src/clock.ts';
import { createLogger } from '../../../../libs/shared/src/logger.ts';
import { ChaosVolumes } from './chaos-volumes.ts';
import type { HostAnswer, HostEvent, HostOrder, NodeSketch } from './messages.ts';

interface HostedAgent {
  readonly node: string;
  readonly access: ControllerAccess;
  readonly clock: Clock;
  readonly volumes: ChaosVolumes;
  offsetMs: number;
  link: FleetLink;
}

const lookMs = 250;
const debugLevel = 5;
const agents = new Map<string, HostedAgent>();
let endpoints: readonly string[] = [];
let away: ReadonlySet<string> = new Set();
let looking: NodeJS.Timeout | undefined;

const emit = (event: HostEvent): void => void process.send?.(event);

function agentOf(node: string): HostedAgent {
  const agent = agents.get(node);
  if (agent === undefined) throw new Error(`no node ${node} in this process`);
  return agent;
}

function startAgent(sketch: NodeSketch, { caFile, issueMs }: HostOrder & { kind: 'start' }): void {
  const { node, tokenFile, version, behaviours } = sketch;
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + agentOf(node).offsetMs };
  const access: ControllerAccess = {
    caFile,
    tokenFile,
    // Like a Service: each connection goes to one of the running replicas.
    get address() {
      return endpoints[Math.floor(Math.random() * endpoints.length)] ?? 'dns:localhost:1';
    },
  };
  const options = { node, version, issueMs, emit, isIssuerAway: (issuer: string) => away.has(issuer) };
  const volumes = new ChaosVolumes({ ...options, offsetMs: () => agentOf(node).offsetMs }, sketch.volumes);
  volumes.behaviours = behaviours;
  agents.set(node, { node, access, clock, volumes, offsetMs: 0, link: openLink({ node, access, clock, volumes }) });
  agentOf(node).link.start();
}

function openLink({
  node,
  access,
  clock,
  volumes,
}: Pick<HostedAgent, 'node' | 'access' | 'clock' | 'volumes'>): FleetLink {
  const write = (line: string): void => {
    // Messages that agents log once per outage are recorded for every attempt here.
    if (/"level":"(warn|error)"|not connected to the controller/.test(line))
      emit({ kind: 'log', node, line: line.trim(), atMs: Date.now() });
  };
  return new FleetLink({
    controller: access,
    volumes,
    version: '1.0.0',
    concurrentJobs: 4,
    clock,
    log: createLogger(debugLevel, { write }),
    onConnected: () => undefined,
  });
}

/** The new link starts at once, as in a restarted agent; the end of the old one may take seconds. */
function restart(node: string): void {
  const agent = agentOf(node);
  void agent.link.stop();
  agent.link = openLink(agent);
  agent.link.start();
}

type Answer = Omit<HostAnswer, 'kind' | 'id'>;
type Obey<Kind extends HostOrder['kind']> = (order: HostOrder & { kind: Kind }) => Promise<Answer> | Answer | void;

const obey: { readonly [Kind in HostOrder['kind']]: Obey<Kind> } = {
  start(order) {
    for (const sketch of order.nodes) startAgent(sketch, order);
    looking = setInterval(() => {
      for (const { volumes } of agents.values()) volumes.look(Date.now());
    }, lookMs);
  },
  endpoints: (order) => void (endpoints = order.addresses),
  clocks(order) {
    for (const node of order.nodes) agentOf(node).offsetMs = order.offsetMs;
  },
  'issuers-away': (order) => void (away = new Set(order.issuers)),
  restart: (order) => order.nodes.forEach(restart),
  behaviours: (order) => void (agentOf(order.node).volumes.behaviours = order.behaviours),
  add: (order) => agentOf(order.node).volumes.add(order.volume),
  remove: (order) => agentOf(order.node).volumes.remove(order.volumeId),
  states: () => ({ volumes: [...agents.values()].flatMap(({ volumes }) => volumes.states()) }),
  async stop() {
    clearInterval(looking);
    await Promise.all([...agents.values()].map(({ link }) => link.stop()));
    return {};
  },
};

process.on('message', ({ id, order }: { readonly id: number; readonly order: HostOrder }) => {
  const act = obey[order.kind] as Obey<HostOrder['kind']>;
  void Promise.resolve(act(order as never)).then((answer) => process.send?.({ kind: 'answer', id, ...answer }));
});
// It ends with its parent.
process.on('disconnect', () => process.exit(0));
