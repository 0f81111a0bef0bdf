import { hash } from 'node:crypto';

/** The BullMQ name of every node's queue; the queues differ by their prefix. */
export const nodeQueueName = 'renewals';

/** The BullMQ name of the queue that schedules the next renewal of each volume. */
export const dueQueueName = 'due';

/** The keys that exist once, below the prefix. */
const singleKeys = {
  /** Hash: node → its description at its last connection (version, configuration), as JSON. */
  nodes: 'nodes',
  /** Hash: node → the session of its current connection; writes of an older session are refused. */
  sessions: 'sessions',
  /** Sorted set: nodes by the time of their last heartbeat. */
  seen: 'nodes:seen',
  /** Hash: node → the session whose snapshot is complete. If it is not the current one, volumes may be missing. */
  snapshots: 'nodes:snapshots',
  /** Hash: node → bytes of its records. */
  sizes: 'nodes:sizes',
  /** Set: removed nodes, until their queues and users are gone. */
  leaving: 'nodes:leaving',
  /** Stream of limited length: changed volumes, by which the replicas keep their views current. */
  changes: 'changes',
  /** Hash: id of a lane → its issuer, as JSON. */
  lanes: 'lanes',
  /** Hash: renewal → the bulk renewals that request it (bulk-renewal-scripts.ts). */
  requestedBy: 'requestedBy',
  /** Sorted set: bulk renewals by the time of their request. */
  bulks: 'bulks',
  /** Sorted set: started renewals without a result, by the end of the answer timeout (lane-script-common.ts). */
  started: 'started',
  /** Hash: renewal → why its lane delays it, and until when (lane-script-common.ts). */
  waits: 'waits',
  /** Set: silent nodes for which renewals wait; prefix of the sets of these renewals (lane-script-common.ts). */
  silentNodes: 'nodes:silent',
  /** Set: ids of lanes in which renewals wait. */
  queuedLanes: 'lanes:queued',
  /** Sorted set: renewals by the time before which no automatic one starts. */
  cooldown: 'cooldown',
  /** Sorted set: cancelled bulk renewals by the time of the cancellation. */
  cancelled: 'bulks:cancelled',
  /** Stream of limited length: actions of operators. */
  audit: 'audit',
  /** Stream of limited length: refused requests of operators. */
  auditRefusals: 'audit:refusals',
  /** String: exists while Redis keeps its state; its absence shows a loss. */
  epoch: 'epoch',
  /** String: since when Redis has kept its state, in milliseconds by its own clock (index-state.ts). */
  keptSince: 'kept-since',
  /** String: when a replica last dispatched renewals, in milliseconds by the clock of Redis (dispatch-mark.ts). */
  dispatched: 'dispatched',
  /** String: the replica that writes the status of LanePolicies. */
  reporter: 'reporter',
  /** String: the replica that rolls workloads. */
  roller: 'roller',
  /** Hash: hour since the epoch → volumes by CA in that hour, as JSON (ca-history.ts). */
  caHistory: 'ca-history',
} as const;

/** The keys that exist once for each node, lane and so on. */
const keyedKeys = {
  /** String: the last mark of one process; shows whether Redis lost the last seconds. */
  beat: (process: string): string => `beat:${process}`,
  /** Hash: id of a volume → its record (fleet-index/model), as JSON. */
  volumes: (node: string): string => `volumes:${node}`,
  /** Hash: changes to a node's volumes that are not settled yet (change-outbox-scripts.ts). */
  outbox: (node: string): string => `outbox:${node}`,
  /** Hash: id of a volume → its last attempts (issuance-history.ts). */
  history: (node: string): string => `history:${node}`,
  /** Hash: state of one lane, and prefix of its sets (lane-script-common.ts). @param lane its id */
  lane: (lane: string): string => `lane:${lane}`,
  /** Hash: one bulk renewal, and prefix of what it waits for (bulk-renewal-scripts.ts). */
  bulk: (id: string): string => `bulk:${id}`,
  /** Not a key but a channel, on which a replica receives messages of the others. */
  replica: (name: string): string => `replica:${name}`,
  /** String: one operator's session. @param hash of the session's id */
  session: (hash: string): string => `session:${hash}`,
  /** String: a rotation that was proposed. @param name of the CARotation */
  proposal: (name: string): string => `proposal:${name}`,
  /** Hash: renewal counts of one hour. @param hour since the epoch */
  done: (hour: number): string => `done:${hour}`,
  /** Hash: counts of one hour by lane (issuer-history.ts). @param hour since the epoch */
  doneByIssuer: (hour: number): string => `done:${hour}:issuers`,
} as const;

/** The keys of pod certificates (pod-certificate-scripts.ts). */
const podCertificateKeys = {
  /** String: the replica that follows pods and requests, and writes the others. */
  lease: 'pod-certificates:lease',
  /** Hash: id of a row → its JSON. */
  rows: 'pod-certificates',
  /** Sorted set: id of each row that was written or removed, by the number of the change. */
  order: 'pod-certificates:order',
  /** Sorted set: those of `order` that were removed. */
  removed: 'pod-certificates:removed',
  /** Hash: the number of the last change, and what the writer says about itself. */
  state: 'pod-certificates:state',
} as const;

/** The names of all Redis keys of one prefix. */
export type RedisKeys = {
  /** Not a key: the prefix of all others, and of the BullMQ queue that schedules renewals. */
  readonly controller: string;
  readonly podCertificates: { readonly [name in keyof typeof podCertificateKeys]: string };
} & { readonly [name in keyof typeof singleKeys]: string } & typeof keyedKeys;

/**
 * The keys below one prefix; controllers with different prefixes may share a Redis. They share one hash tag, so that a
 * script may touch several of them on a Redis Cluster. Each node's queue has its own tag, so that nodes spread over the
 * servers and one ACL pattern covers one queue.
 */
export function redisKeys(prefix: string): RedisKeys {
  const controller = `{${prefix}}`;
  const named = (keys: Readonly<Record<string, string>>): string[][] =>
    Object.entries(keys).map(([name, key]) => [name, `${controller}:${key}`]);
  const keyed = Object.entries(keyedKeys).map(([name, key]) => [name, (of: never) => `${controller}:${key(of)}`]);
  const podCertificates: unknown = Object.fromEntries(named(podCertificateKeys));
  return { controller, podCertificates, ...Object.fromEntries([...named(singleKeys), ...keyed]) } as RedisKeys;
}

/**
 * BullMQ's key prefix of a node's queue: includes the hash tag, and a hash of the node's name, which may contain
 * pattern characters.
 */
export function nodeQueuePrefix(prefix: string, node: string): string {
  return `{${prefix}-node-${shortHash(node)}}`;
}

/** The first 80 bits of the SHA-256 of the parts, in hexadecimal; a separator keeps different parts distinct. */
export function shortHash(...parts: readonly string[]): string {
  return hash('sha256', parts.join('\0'), 'hex').slice(0, 20);
}
