/** One query of a panel, and the legend of its series. */
interface Query {
  readonly expr: string;
  readonly legend: string;
}

/** The part of a panel that differs; the generator adds the rest of Grafana's JSON. */
export interface Panel {
  readonly title: string;
  readonly help: string;
  /** A single current value, or a graph over time. */
  readonly kind: 'stat' | 'graph' | 'stack';
  /** One of Grafana's units. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** A stat turns red from this value. */
  readonly alarmFrom?: number;
}

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
/** Every replica exports the whole fleet: sum within a replica, then the maximum of the replicas. */
const ofFleet = (by: string, series: string): string => `max by (${by}) (sum by (instance, ${by}) (${series}))`;

const now: Row = {
  title: 'Now',
  panels: [
    {
      title: 'Volumes',
      help: 'Volumes on all nodes, from the agents.',
      kind: 'stat',
      unit: 'short',
      queries: [{ expr: `sum(${agent('volumes')})`, legend: '' }],
    },
    {
      title: 'Expired',
      help: 'Certificates of running pods that have expired.',
      kind: 'stat',
      unit: 'short',
      queries: [{ expr: `sum(${agent('volumes', ',state="expired"')})`, legend: '' }],
      alarmFrom: 1,
    },
    {
      title: 'Failing',
      help: 'Volumes whose last attempt failed.',
      kind: 'stat',
      unit: 'short',
      queries: [{ expr: `sum(${agent('volumes', ',state="failing"')})`, legend: '' }],
      alarmFrom: 1,
    },
    {
      title: 'Overdue',
      help: 'Volumes past their fallback deadline.',
      kind: 'stat',
      unit: 'short',
      queries: [{ expr: `sum(${agent('volumes_overdue')})`, legend: '' }],
      alarmFrom: 1,
    },
    {
      title: 'Next expiry',
      help: 'Time until the next certificate would expire.',
      kind: 'stat',
      unit: 's',
      queries: [{ expr: `min(${agent('soonest_not_after_timestamp_seconds')} > 0) - time()`, legend: '' }],
    },
    {
      title: 'Nodes online',
      help: 'Nodes whose agents report to the controller.',
      kind: 'stat',
      unit: 'short',
      queries: [{ expr: `max(${fleet('nodes', ',state="online"')})`, legend: '' }],
    },
    {
      title: 'By fallback deadline, last hour',
      help: 'Renewals that an agent started because no job of the controller arrived in time.',
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

const largestCas = `topk(10, ${ofFleet('fingerprint', fleet('ca_volumes'))})`;
/** With the name of the CA, if it is known. */
const volumesByCa = `${largestCas} * on (fingerprint) group_left (name) max by (fingerprint, name) (${fleet('ca_info')}) or on (fingerprint) ${largestCas}`;

const volumes: Row = {
  title: 'Fleet',
  panels: [
    {
      title: 'Volumes by state',
      help: "Volumes by state from the controller's index; empty while there is no index.",
      kind: 'stack',
      unit: 'short',
      queries: [{ expr: ofFleet('state', fleet('volumes')), legend: '{{state}}' }],
    },
    {
      title: 'Due, overdue, at risk',
      help: 'Past renew-at; past the fallback deadline; half and a quarter left of the time between renew-at and not-after.',
      kind: 'graph',
      unit: 'short',
      queries: [
        { expr: `max(${fleet('volumes_due')})`, legend: 'due' },
        { expr: `max(${fleet('volumes_overdue')})`, legend: 'overdue' },
        { expr: `max by (left) (${fleet('volumes_expiring_soon')})`, legend: 'expiring soon, {{left}} left' },
        { expr: `max(${fleet('volumes_expired')})`, legend: 'expired' },
      ],
    },
    {
      title: 'Volumes by CA',
      help: 'The ten CAs with the most volumes, by their SHA-256; the name follows some minutes after the start of a controller.',
      kind: 'graph',
      unit: 'short',
      queries: [{ expr: volumesByCa, legend: '{{name}} {{fingerprint}}' }],
    },
    {
      title: 'Largest issuers',
      help: 'The ten issuers with the most volumes.',
      kind: 'graph',
      unit: 'short',
      queries: [{ expr: `topk(10, ${ofFleet('issuer', fleet('volumes'))})`, legend: '{{issuer}}' }],
    },
    {
      title: 'Issuers with problems',
      help: 'Failing, overdue and expired volumes by issuer. Should be empty.',
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
      help: "controller: by a job; deadline: at the agent's fallback deadline.",
      kind: 'stack',
      unit: 'ops',
      queries: [{ expr: `sum by (path, result) (${rate(fleet('renewals_total'))})`, legend: '{{result}} {{path}}' }],
    },
    {
      title: 'Issuances by cause',
      help: 'Counted by the agents.',
      kind: 'stack',
      unit: 'ops',
      queries: [
        { expr: `sum by (cause) (${rate(agent('issuances_total', ',result="success"'))})`, legend: '{{cause}}' },
      ],
    },
    {
      title: 'Failures by reason',
      help: 'Failed first issuances and renewals. Should be empty.',
      kind: 'stack',
      unit: 'ops',
      queries: [{ expr: `sum by (reason) (${rate(agent('issuance_failures_total'))})`, legend: '{{reason}}' }],
    },
    {
      title: 'Lateness of dispatch',
      help: 'From the due time of a renewal to its job in the queue of its node.',
      kind: 'graph',
      unit: 's',
      queries: quantiles(fleet('dispatch_lateness_seconds_bucket')),
    },
    {
      title: 'Lateness of renewals',
      help: 'From renew-at to the new files, measured by the agents.',
      kind: 'graph',
      unit: 's',
      queries: quantiles(agent('renewal_lag_seconds_bucket')),
    },
    {
      title: 'Duration of issuance phases',
      help: '95th percentile by phase; wait is the time of the issuer.',
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
      title: 'Depth by wait reason',
      help: 'Renewals that wait for a slot of the rate limit, for the limit in flight or the end of a pause, or for a result.',
      kind: 'stack',
      unit: 'short',
      queries: [{ expr: ofFleet('waiting', fleet('lane_depth')), legend: '{{waiting}}' }],
    },
    {
      title: 'Deepest lanes',
      help: 'The ten lanes with the most renewals.',
      kind: 'graph',
      unit: 'short',
      queries: [{ expr: `topk(10, ${ofFleet('issuer', fleet('lane_depth'))})`, legend: '{{issuer}}' }],
    },
    {
      title: 'Lag of lanes',
      help: 'Time since the renew-at of the oldest waiting volume.',
      kind: 'graph',
      unit: 's',
      queries: [{ expr: `topk(10, max by (issuer) (${fleet('lane_lag_seconds')}))`, legend: '{{issuer}}' }],
    },
    {
      title: 'Lanes by state',
      help: 'Lanes that back off wait after failures of their issuer.',
      kind: 'stack',
      unit: 'short',
      queries: [{ expr: `max by (state) (${fleet('lanes')})`, legend: '{{state}}' }],
    },
    {
      title: 'Delayed renewals by reason',
      help: 'How often a lane delayed a renewal. Should be near zero; some delays by the rate limit are normal.',
      kind: 'stack',
      unit: 'ops',
      queries: [{ expr: `sum by (reason) (${rate(fleet('renewals_delayed_total'))})`, legend: '{{reason}}' }],
    },
    {
      title: 'Due queue',
      help: 'Jobs in the due queue: one delayed job per volume; waiting jobs are due.',
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
      help: 'Nodes by whether their agents have reported recently.',
      kind: 'stack',
      unit: 'short',
      queries: [{ expr: `max by (state) (${fleet('nodes')})`, legend: '{{state}}' }],
    },
    {
      title: 'Agents by replica',
      help: 'Open agent streams of each controller replica.',
      kind: 'stack',
      unit: 'short',
      queries: [{ expr: `sum by (instance) (${fleet('agents_connected')})`, legend: '{{instance}}' }],
    },
    {
      title: 'Report delay',
      help: 'From a renewal on its node to the update of the index.',
      kind: 'graph',
      unit: 's',
      queries: quantiles(fleet('report_lag_seconds_bucket')),
    },
    {
      title: 'API requests of the agents',
      help: "Requests to the cluster's API server, by verb and status code.",
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
      help: 'Measured by each replica; absent while Redis is unavailable.',
      kind: 'graph',
      unit: 's',
      queries: [{ expr: `max by (instance) (${fleet('redis_latency_seconds')})`, legend: '{{instance}}' }],
    },
    {
      title: 'Redis: memory',
      help: 'Used memory, and the limit if there is one.',
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
      help: 'CPU cores used, and the lag of the event loop.',
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
      help: 'Volumes of the node from its agent.',
      kind: 'stack',
      unit: 'short',
      queries: [{ expr: `sum by (node, state) (${onNode('volumes')})`, legend: '{{node}} {{state}}' }],
    },
    {
      title: 'Next expiry',
      help: 'Time until the next certificate of the node would expire.',
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
      help: 'Issuances by cause and result.',
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
      help: '95th percentile by method.',
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
      help: '1 while connected; and the number of volumes quarantined as damaged.',
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

const podCertificates: Row = {
  title: 'Pod certificates',
  panels: [
    {
      title: 'Pod certificates by state',
      help: 'The certificates that kubelets request, whoever signs them. Unknown means until the next refresh.',
      kind: 'stack',
      unit: 'short',
      queries: [{ expr: ofFleet('state', fleet('pod_certificates')), legend: '{{state}}' }],
    },
    {
      title: 'Pod certificates at risk',
      help: 'Refused, expired, not refreshed in time, or waiting for too long, by signer. Should be empty.',
      kind: 'graph',
      unit: 'short',
      queries: [
        {
          expr: `topk(10, ${ofFleet('signer, reason', fleet('pod_certificates_at_risk'))})`,
          legend: '{{signer}} {{reason}}',
        },
      ],
    },
    {
      title: 'Next expiry of a pod certificate',
      help: 'Time until the next pod certificate of a signer would expire.',
      kind: 'graph',
      unit: 's',
      queries: [
        {
          expr: `bottomk(10, min by (signer) (${fleet('pod_certificates_soonest_not_after_timestamp_seconds')})) - time()`,
          legend: '{{signer}}',
        },
      ],
    },
  ],
};

/** The dashboard's rows from top to bottom. */
export const rows: readonly Row[] = [now, volumes, renewals, lanes, controller, node];

/** The rows below them if the controller follows pod certificates. */
export const podCertificateRows: readonly Row[] = [podCertificates];
