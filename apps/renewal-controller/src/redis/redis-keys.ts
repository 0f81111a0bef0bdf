import { hash } from 'node:crypto';

/** The BullMQ name of every node's queue; the queues differ by their prefix. */
export const nodeQueueName = 'renewals';

/** The BullMQ name of the queue that schedules the next renewal of each volume. */
export const dueQueueName = 'due';

/**
 * The names of all Redis keys. The controller's keys share one hash tag, so that a script may touch several of them on
 * a Redis Cluster. Each node's queue has its own tag, so that nodes spread over the servers and one ACL pattern covers
 * one queue.
 */
export interface RedisKeys {
  readonly controller: string;
  readonly nodes: string;
  readonly sessions: string;
  readonly seen: string;
  /** Hash: node → the session whose snapshot is complete. If it is not the current one, volumes may be missing. */
  readonly snapshots: string;
  /** Hash: node → bytes of its records. */
  readonly sizes: string;
  /** Set: removed nodes, until their queues and users are gone. */
  readonly leaving: string;
  readonly changes: string;
  readonly lanes: string;
  readonly requestedBy: string;
  readonly bulks: string;
  readonly started: string;
  readonly waits: string;
  /** Set: silent nodes for which renewals wait; prefix of the sets of these renewals (lane-script-common.ts). */
  readonly silentNodes: string;
  readonly queuedLanes: string;
  readonly cooldown: string;
  readonly cancelled: string;
  readonly audit: string;
  readonly auditRefusals: string;
  /** String: exists while Redis keeps its state; its absence shows a loss. */
  readonly epoch: string;
  /** String: since when Redis has kept its state, in milliseconds by its own clock (index-state.ts). */
  readonly keptSince: string;
  /** String: the replica that writes the status of LanePolicies. */
  readonly reporter: string;
  /** String: the replica that rolls workloads. */
  readonly roller: string;
  readonly podCertificates: PodCertificateKeys;
  /** String: the last mark of one process; shows whether Redis lost the last seconds. */
  beat(process: string): string;
  volumes(node: string): string;
  /** Hash: changes to a node's volumes that are not settled yet (change-outbox-scripts.ts). */
  outbox(node: string): string;
  lane(lane: string): string;
  bulk(id: string): string;
  /** Not a key but a channel, on which a replica receives messages of the others. */
  replica(name: string): string;
  /** String: one operator's session. @param hash of the session's id */
  session(hash: string): string;
  history(node: string): string;
  /** String: a rotation that was proposed. @param name of the CARotation */
  proposal(name: string): string;
  /** Hash: renewal counts of one hour. @param hour since the epoch */
  done(hour: number): string;
  /** Hash: counts of one hour by lane (issuer-history.ts). @param hour since the epoch */
  doneByIssuer(hour: number): string;
}

/** The keys of pod certificates (pod-certificate-scripts.ts). */
interface PodCertificateKeys {
  /** String: the replica that follows pods and requests, and writes the others. */
  readonly lease: string;
  /** Hash: id of a row → its JSON. */
  readonly rows: string;
  /** Sorted set: id of each row that was written or removed, by the number of the change. */
  readonly order: string;
  /** Sorted set: those of `order` that were removed. */
  readonly removed: string;
  /** Hash: the number of the last change, and what the writer says about itself. */
  readonly state: string;
}

/** The keys below one prefix; controllers with different prefixes may share a Redis. */
export function redisKeys(prefix: string): RedisKeys {
  const controller = `{${prefix}}`;
  return {
    controller,
    nodes: `${controller}:nodes`,
    sessions: `${controller}:sessions`,
    seen: `${controller}:nodes:seen`,
    snapshots: `${controller}:nodes:snapshots`,
    sizes: `${controller}:nodes:sizes`,
    leaving: `${controller}:nodes:leaving`,
    changes: `${controller}:changes`,
    lanes: `${controller}:lanes`,
    requestedBy: `${controller}:requestedBy`,
    bulks: `${controller}:bulks`,
    started: `${controller}:started`,
    waits: `${controller}:waits`,
    silentNodes: `${controller}:nodes:silent`,
    queuedLanes: `${controller}:lanes:queued`,
    cooldown: `${controller}:cooldown`,
    cancelled: `${controller}:bulks:cancelled`,
    audit: `${controller}:audit`,
    auditRefusals: `${controller}:audit:refusals`,
    epoch: `${controller}:epoch`,
    keptSince: `${controller}:kept-since`,
    reporter: `${controller}:reporter`,
    roller: `${controller}:roller`,
    podCertificates: {
      lease: `${controller}:pod-certificates:lease`,
      rows: `${controller}:pod-certificates`,
      order: `${controller}:pod-certificates:order`,
      removed: `${controller}:pod-certificates:removed`,
      state: `${controller}:pod-certificates:state`,
    },
    beat: (process) => `${controller}:beat:${process}`,
    volumes: (node) => `${controller}:volumes:${node}`,
    outbox: (node) => `${controller}:outbox:${node}`,
    lane: (lane) => `${controller}:lane:${lane}`,
    bulk: (id) => `${controller}:bulk:${id}`,
    replica: (name) => `${controller}:replica:${name}`,
    session: (hash) => `${controller}:session:${hash}`,
    proposal: (name) => `${controller}:proposal:${name}`,
    history: (node) => `${controller}:history:${node}`,
    doneByIssuer: (hour) => `${controller}:done:${hour}:issuers`,
    done: (hour) => `${controller}:done:${hour}`,
  };
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
