import { hash } from 'node:crypto';

/** The name of every node's queue in BullMQ; queues differ by their prefix. */
export const nodeQueueName = 'renewals';

/** The name of the queue in which every volume's next renewal waits. */
export const dueQueueName = 'due';

/**
 * Names of all keys. What the controller shares stands under one hash tag, so that one script may touch several of its
 * keys on a Redis Cluster; a node's queue has a tag of its own, so that nodes spread over the servers and one ACL
 * pattern covers one queue.
 */
export interface RedisKeys {
  readonly controller: string;
  readonly nodes: string;
  readonly sessions: string;
  readonly seen: string;
  /** The session whose snapshot each node's volumes are from: until it is the current one, a volume may be missing. */
  readonly snapshots: string;
  /** Bytes of each node's records. */
  readonly sizes: string;
  /** Nodes that were forgotten, until their queues and users are gone. */
  readonly leaving: string;
  readonly changes: string;
  readonly lanes: string;
  readonly requestedBy: string;
  readonly bulks: string;
  readonly started: string;
  readonly waits: string;
  readonly queuedLanes: string;
  readonly cooldown: string;
  readonly cancelled: string;
  readonly audit: string;
  readonly auditRefusals: string;
  /** There for as long as Redis keeps what it is given; one that is gone tells of a loss. */
  readonly epoch: string;
  /** Last mark of one process, to find out whether Redis lost the last seconds. */
  beat(process: string): string;
  volumes(node: string): string;
  /** What was written to a node's volumes and not acted on yet. */
  outbox(node: string): string;
  lane(lane: string): string;
  bulk(id: string): string;
  /** No key but a channel, on which a replica hears the others. */
  replica(name: string): string;
  /** @param hash of the session's id */
  session(hash: string): string;
  history(node: string): string;
  /** @param hour since the epoch */
  done(hour: number): string;
}

/** The keys below one prefix; two controllers with different prefixes may share a Redis. */
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
    queuedLanes: `${controller}:lanes:queued`,
    cooldown: `${controller}:cooldown`,
    cancelled: `${controller}:bulks:cancelled`,
    audit: `${controller}:audit`,
    auditRefusals: `${controller}:audit:refusals`,
    epoch: `${controller}:epoch`,
    beat: (process) => `${controller}:beat:${process}`,
    volumes: (node) => `${controller}:volumes:${node}`,
    outbox: (node) => `${controller}:outbox:${node}`,
    lane: (lane) => `${controller}:lane:${lane}`,
    bulk: (id) => `${controller}:bulk:${id}`,
    replica: (name) => `${controller}:replica:${name}`,
    session: (hash) => `${controller}:session:${hash}`,
    history: (node) => `${controller}:history:${node}`,
    done: (hour) => `${controller}:done:${hour}`,
  };
}

/** BullMQ's key prefix of a node's queue: hash tag included, and nothing of the node's name that a pattern could match. */
export function nodeQueuePrefix(prefix: string, node: string): string {
  return `{${prefix}-node-${shortHash(node)}}`;
}

/** The first 80 bits of SHA-256 in hexadecimal over the parts; parts cannot run into each other. */
export function shortHash(...parts: readonly string[]): string {
  return hash('sha256', parts.join('\0'), 'hex').slice(0, 20);
}
