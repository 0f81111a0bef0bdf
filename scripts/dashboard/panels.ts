/** One query of a panel, and how its series are called. */
interface Query {
  readonly expr: string;
  readonly legend: string;
}

/** A panel as a person thinks of it; the rest of Grafana's JSON follows from this. */
export interface Panel {
  readonly title: string;
  readonly help: string;
  /** A number of now, or a graph over time. */
  readonly kind: 'stat' | 'graph' | 'stack';
  /** One of Grafana's units. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** A stat turns red from here on. */
  readonly alarmFrom?: number;
}

/** Panels that belong together. */
export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const agent = (name: string, labels = ''): string => `certfleet_agent_${name}{namespace="$namespace"${labels}}`;
const onNode = (name: string, labels = ''): string => agent(name, `,node=~"$node"${labels}`);
const fleet = (name: string, labels = ''): string => `certfleet_controller_${name}{namespace="$namespace"${labels}}`;
const rate = (series: string): string => `rate(${series}[$__rate_interval])`;
const quantiles = (bucket: string): readonly Query[] =>
  [0.5, 0.9, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (le) (${rate(bucket)}))`,
    legend: `p${quantile * 100}`,
  }));
/** Every replica shows the whole fleet: added up within one, and of the replicas the largest. */
const ofFleet = (by: string, series: string): string => `max by (${by}) (sum by (instance, ${by}) (${series}))`;

const now: Row = {
  title: 'Now',
  panels: [
    {
      title: 'Volumes',
      help: 'Volumes that the agents hold.',
      kind: 'stat',
      unit: 'short',
      queries: [{ expr: `sum(${agent('volumes')})`, legend: '' }],
    },
    {
      title: 'Expired',
      help: 'Certificates of running pods past their end.',
      kind: 'stat',
      unit: 'short',
      queries: [{ expr: `sum(${agent('volumes', ',state="expired"')})`, legend: '' }],
      alarmFrom: 1,
    },
    {
      title: 'Failing',
      help: 'Volumes whose last try failed.',
      kind: 'stat',
      unit: 'short',
      queries: [{ expr: `sum(${agent('volumes', ',state="failing"')})`, legend: '' }],
      alarmFrom: 1,
    },
    {
      title: 'Overdue',
      help: 'Volumes that even their own agent should have renewed.',
      kind: 'stat',
      unit: 'short',
      queries: [{ expr: `sum(${agent('volumes_overdue')})`, legend: '' }],
      alarmFrom: 1,
    },
    {
      title: 'Next expiry',
      help: 'Time until the first certificate of all would expire.',
      kind: 'stat',
      unit: 's',
      queries: [{ expr: `min(${agent('soonest_not_after_timestamp_seconds')} > 0) - time()`, legend: '' }],
    },
    {
      title: 'Nodes online',
      help: 'Nodes that the controller hears of.',
      kind: 'stat',
      unit: 'short',
      queries: [{ expr: `max(${fleet('nodes', ',state="online"')})`, legend: '' }],
    },
    {
      title: 'On their own, last hour',
      help: 'Renewals that no job of the controller brought about in time.',
      kind: 'stat',
      unit: 'short',
      queries: [
        { expr: `sum(increase(${agent('issuances_total', ',cause="deadline",result="success"')}[1h]))`, legend: '' },
      ],
      alarmFrom: 1,
    },
    {
      title: 'Replicas without Redis',
      help: 'Replicas of the controller that cannot reach Redis.',
      kind: 'stat',
      unit: 'short',
      queries: [{ expr: `count(${fleet('redis_reachable')}) - sum(${fleet('redis_reachable')})`, legend: '' }],
      alarmFrom: 1,
    },
  ],
};

const volumes: Row = {
  title: 'Fleet',
  panels: [
    {
      title: 'Volumes by state',
      help: 'As the controller knows them; empty while it has no index.',
      kind: 'stack',
      unit: 'short',
      queries: [{ expr: ofFleet('state', fleet('volumes')), legend: '{{state}}' }],
    },
    {
      title: 'Due, overdue, at risk',
      help: 'Past renew-at; past the deadline of the agent; half and a quarter left of the time between renew-at and not-after.',
      kind: 'graph',
      unit: 'short',
      queries: [
        { expr: `max(${fleet('volumes_due')})`, legend: 'due' },
        { expr: `max(${fleet('volumes_overdue')})`, legend: 'overdue' },
        { expr: `max by (left) (${fleet('volumes_at_risk')})`, legend: 'at risk, {{left}} left' },
        { expr: `max(${fleet('volumes_expired')})`, legend: 'expired' },
      ],
    },
    {
      title: 'Largest issuers',
      help: 'Volumes of the ten issuers that have most.',
      kind: 'graph',
      unit: 'short',
      queries: [{ expr: `topk(10, ${ofFleet('issuer', fleet('volumes'))})`, legend: '{{issuer}}' }],
    },
    {
      title: 'Issuers in trouble',
      help: 'Volumes that fail, are overdue or have expired, by issuer. Empty is good.',
      kind: 'graph',
      unit: 'short',
      queries: [
        {
          expr: `topk(10, ${ofFleet('issuer', fleet('volumes', ',state=~"failing|expired|overdue"'))})`,
          legend: '{{issuer}}',
        },
      ],
    },
  ],
};

const renewals: Row = {
  title: 'Renewals',
  panels: [
    {
      title: 'Renewals by path and result',
      help: 'controller: by a job; deadline: by the agent on its own.',
      kind: 'stack',
      unit: 'ops',
      queries: [{ expr: `sum by (path, result) (${rate(fleet('renewals_total'))})`, legend: '{{result}} {{path}}' }],
    },
    {
      title: 'Issuances by cause',
      help: 'As the agents count them.',
      kind: 'stack',
      unit: 'ops',
      queries: [
        { expr: `sum by (cause) (${rate(agent('issuances_total', ',result="success"'))})`, legend: '{{cause}}' },
      ],
    },
    {
      title: 'Failures by reason',
      help: 'Failed first issuances and renewals. Empty is good.',
      kind: 'stack',
      unit: 'ops',
      queries: [{ expr: `sum by (reason) (${rate(agent('issuance_failures_total'))})`, legend: '{{reason}}' }],
    },
    {
      title: 'Lateness of dispatch',
      help: 'From a renewal being due to its job in the queue of its node.',
      kind: 'graph',
      unit: 's',
      queries: quantiles(fleet('dispatch_lateness_seconds_bucket')),
    },
    {
      title: 'Lateness of renewals',
      help: 'From renew-at to the new files, as the agents measure it.',
      kind: 'graph',
      unit: 's',
      queries: quantiles(agent('renewal_lag_seconds_bucket')),
    },
    {
      title: 'Where an issuance takes its time',
      help: 'Nineteen of twenty are faster, by phase; wait is the issuer.',
      kind: 'graph',
      unit: 's',
      queries: [
        {
          expr: `histogram_quantile(0.95, sum by (phase, le) (${rate(agent('issuance_phase_duration_seconds_bucket'))}))`,
          legend: '{{phase}}',
        },
      ],
    },
  ],
};

const lanes: Row = {
  title: 'Lanes',
  panels: [
    {
      title: 'Depth by what is waited for',
      help: 'A slot in the line, a place in flight or the end of a pause, an answer.',
      kind: 'stack',
      unit: 'short',
      queries: [{ expr: ofFleet('waiting', fleet('lane_depth')), legend: '{{waiting}}' }],
    },
    {
      title: 'Deepest lanes',
      help: 'Renewals in the ten lanes that hold most.',
      kind: 'graph',
      unit: 'short',
      queries: [{ expr: `topk(10, ${ofFleet('issuer', fleet('lane_depth'))})`, legend: '{{issuer}}' }],
    },
    {
      title: 'Lag of lanes',
      help: 'How far the oldest volume that waits is past its renew-at.',
      kind: 'graph',
      unit: 's',
      queries: [{ expr: `topk(10, max by (issuer) (${fleet('lane_lag_seconds')}))`, legend: '{{issuer}}' }],
    },
    {
      title: 'Lanes by state',
      help: 'Resting lanes wait after failures of their issuer.',
      kind: 'stack',
      unit: 'short',
      queries: [{ expr: `max by (state) (${fleet('lanes')})`, legend: '{{state}}' }],
    },
    {
      title: 'Why renewals had to wait',
      help: 'Times that a lane did not let one start yet. Empty is good, and some by rate are well.',
      kind: 'stack',
      unit: 'ops',
      queries: [{ expr: `sum by (reason) (${rate(fleet('renewals_delayed_total'))})`, legend: '{{reason}}' }],
    },
    {
      title: 'Due queue',
      help: 'Jobs: one delayed job for each volume; waiting ones are due.',
      kind: 'graph',
      unit: 'short',
      queries: [{ expr: `max by (state) (${fleet('due_jobs')})`, legend: '{{state}}' }],
    },
  ],
};

const controller: Row = {
  title: 'Agents, controller, Redis',
  panels: [
    {
      title: 'Nodes',
      help: 'By whether their agents were heard of lately.',
      kind: 'stack',
      unit: 'short',
      queries: [{ expr: `max by (state) (${fleet('nodes')})`, legend: '{{state}}' }],
    },
    {
      title: 'Agents by replica',
      help: 'Streams that each replica of the controller holds.',
      kind: 'stack',
      unit: 'short',
      queries: [{ expr: `sum by (instance) (${fleet('agents_connected')})`, legend: '{{instance}}' }],
    },
    {
      title: 'Report lag',
      help: 'From a renewal on its node until the index knows of it.',
      kind: 'graph',
      unit: 's',
      queries: quantiles(fleet('report_lag_seconds_bucket')),
    },
    {
      title: 'API requests of the agents',
      help: "To the cluster's API server, by verb and status code.",
      kind: 'stack',
      unit: 'reqps',
      queries: [
        {
          expr: `sum by (verb, code) (${rate(agent('kubernetes_api_requests_total'))})`,
          legend: '{{verb}} {{code}}',
        },
      ],
    },
    {
      title: 'Redis: round trip',
      help: 'As each replica measures it; absent while Redis is away.',
      kind: 'graph',
      unit: 's',
      queries: [{ expr: `max by (instance) (${fleet('redis_latency_seconds')})`, legend: '{{instance}}' }],
    },
    {
      title: 'Redis: memory',
      help: 'Used, and the limit where there is one.',
      kind: 'graph',
      unit: 'bytes',
      queries: [
        { expr: `max(${fleet('redis_memory_used_bytes')})`, legend: 'used' },
        { expr: `max(${fleet('redis_memory_limit_bytes')})`, legend: 'limit' },
      ],
    },
    {
      title: 'Controller: memory',
      help: 'Resident memory of each replica.',
      kind: 'graph',
      unit: 'bytes',
      queries: [
        {
          expr: 'process_resident_memory_bytes{namespace="$namespace",job="renewal-controller"}',
          legend: '{{instance}}',
        },
      ],
    },
    {
      title: 'Controller: CPU and event loop',
      help: 'Cores used, and the lag of the event loop.',
      kind: 'graph',
      unit: 'short',
      queries: [
        {
          expr: rate('process_cpu_seconds_total{namespace="$namespace",job="renewal-controller"}'),
          legend: 'cores {{instance}}',
        },
        {
          expr: 'nodejs_eventloop_lag_p99_seconds{namespace="$namespace",job="renewal-controller"}',
          legend: 'lag (s) {{instance}}',
        },
      ],
    },
  ],
};

const node: Row = {
  title: 'Node $node',
  panels: [
    {
      title: 'Volumes by state',
      help: 'As the agents themselves know them.',
      kind: 'stack',
      unit: 'short',
      queries: [{ expr: `sum by (node, state) (${onNode('volumes')})`, legend: '{{node}} {{state}}' }],
    },
    {
      title: 'Next expiry',
      help: 'Time until the first certificate of the node would expire.',
      kind: 'graph',
      unit: 's',
      queries: [
        {
          expr: `min by (node) (${onNode('soonest_not_after_timestamp_seconds')} > 0) - time()`,
          legend: '{{node}}',
        },
      ],
    },
    {
      title: 'Issuances',
      help: 'By cause and result.',
      kind: 'stack',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (node, cause, result) (${rate(onNode('issuances_total'))})`,
          legend: '{{node}} {{cause}} {{result}}',
        },
      ],
    },
    {
      title: 'CSI calls',
      help: 'Nineteen of twenty are faster, by method.',
      kind: 'graph',
      unit: 's',
      queries: [
        {
          expr: `histogram_quantile(0.95, sum by (node, method, le) (${rate(onNode('csi_request_duration_seconds_bucket'))}))`,
          legend: '{{node}} {{method}}',
        },
      ],
    },
    {
      title: 'Connected to the controller',
      help: '1 when it is; and volumes that were set aside as damaged.',
      kind: 'graph',
      unit: 'short',
      queries: [
        { expr: onNode('controller_connected'), legend: '{{node}} connected' },
        { expr: onNode('damaged_volumes'), legend: '{{node}} damaged volumes' },
      ],
    },
    {
      title: 'Memory',
      help: 'Resident memory of the agent, without the files of its volumes.',
      kind: 'graph',
      unit: 'bytes',
      queries: [
        {
          expr: 'process_resident_memory_bytes{namespace="$namespace",job="certfleet",node=~"$node"}',
          legend: '{{node}}',
        },
      ],
    },
  ],
};

/** The dashboard from top to bottom. */
export const rows: readonly Row[] = [now, volumes, renewals, lanes, controller, node];
