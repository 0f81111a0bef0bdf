import { Redis } from 'ioredis';

import { redisKeys } from '../../../apps/renewal-controller/src/redis/redis-keys.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { readApi, resources } from '../support/api-reader.ts';
import type { PodObject } from '../support/pods.ts';
import { keepLogs } from '../support/kept-logs.ts';
import { podsOf, releaseNamespace, signalPod } from '../support/release.ts';

/** The chart's own Redis. */
export class FleetRedis {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** The password of its default user. */
  async password(): Promise<string> {
    const target = { resource: resources.secrets, namespace: releaseNamespace, name: 'certfleet-redis' };
    const { data } = await readApi<{ readonly data: { readonly password: string } }>(this.#cluster, target);
    return Buffer.from(data.password, 'base64').toString();
  }

  /** Kills the process and makes the kubelet's restarts fail, with its data moved out of reach. */
  async holdDown(): Promise<void> {
    const pod = await this.#pod();
    await this.#setMode('000', pod);
    await signalPod(this.#cluster, pod, 'SIGKILL');
  }

  /** Lets the next start succeed; resolves when Redis serves. */
  async letUp(): Promise<void> {
    const pod = await this.#pod();
    await this.#setMode('755', pod);
    await this.#untilReady();
  }

  /** Deletes pod and data; resolves when a new, empty pod serves. */
  async lose(): Promise<void> {
    await keepLogs(this.#cluster);
    const { metadata } = await this.#pod();
    const at = ['--namespace', releaseNamespace];
    await this.#cluster.kubectl(['delete', 'pod', metadata.name, '--grace-period=0', '--force', ...at]);
    await this.#cluster.kubectl(['wait', '--for=create', `pod/${metadata.name}`, '--timeout=30s', ...at]);
    await this.#untilReady();
  }

  /** The content of every key, and the commands that wrote it, as text. */
  async content(): Promise<string> {
    const { status, metadata } = await this.#pod();
    const forward = await this.#cluster.forward(6379, status.podIP);
    const redis = new Redis({ port: forward.port, password: await this.password(), lazyConnect: true });
    try {
      await redis.connect();
      const lines: string[] = [];
      for await (const keys of redis.scanStream({ count: 1000 }) as AsyncIterable<string[]>) {
        for (const key of keys) lines.push(`${key} ${JSON.stringify(await valueOf(redis, key))}`);
      }
      const files = `cat "$0"/appendonlydir/* | tr -c '[:print:]\\n' ' '`;
      const { stdout } = await this.#cluster.exec('sh', ['-c', files, dataDirectory(metadata.uid)]);
      return `${lines.join('\n')}\n${stdout}`;
    } finally {
      redis.disconnect();
      await forward.close();
    }
  }

  /** A node's volumes by id, from the index in Redis: JSON. */
  async index(node: string): Promise<Readonly<Record<string, string>>> {
    return JSON.parse(await this.#ask('--json', 'hgetall', redisKeys('certfleet').volumes(node))) as Record<
      string,
      string
    >;
  }

  /** The password hashes of all users, as SHA-256 in hexadecimal. */
  async passwordHashes(): Promise<readonly string[]> {
    const stdout = await this.#ask('acl', 'list');
    return [...stdout.matchAll(/#([0-9a-f]{64})/g)].flatMap(([, hash]) => hash ?? []);
  }

  /** Sends a command as the default user. @returns redis-cli's output */
  command(...command: readonly string[]): Promise<string> {
    return this.#ask(...command);
  }

  async #ask(...command: readonly string[]): Promise<string> {
    const { status } = await this.#pod();
    const env = { REDISCLI_AUTH: await this.password() };
    return (await this.#cluster.exec('redis-cli', ['-h', status.podIP ?? '', ...command], { env })).stdout;
  }

  async #pod(): Promise<PodObject> {
    const [pod] = await podsOf(this.#cluster, 'redis');
    if (pod === undefined) throw new Error('Redis has no pod');
    return pod;
  }

  async #setMode(mode: string, { metadata }: PodObject): Promise<void> {
    await this.#cluster.exec('chmod', [mode, `${dataDirectory(metadata.uid)}/appendonlydir`]);
  }

  async #untilReady(): Promise<void> {
    const ready = ['wait', '--for=condition=Ready', 'pod/certfleet-redis-0', '--namespace', releaseNamespace];
    await this.#cluster.kubectl([...ready, '--timeout=100s']);
  }
}

const dataDirectory = (podUid: string): string =>
  `/var/lib/kubelet/pods/${podUid}/volumes/kubernetes.io~empty-dir/data`;

async function valueOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'string':
      return redis.get(key);
    case 'hash':
      return redis.hgetall(key);
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return redis.smembers(key);
    case 'zset':
      return redis.zrange(key, 0, '-1', 'WITHSCORES');
    case 'stream':
      return redis.xrange(key, '-', '+');
    default:
      return undefined;
  }
}
