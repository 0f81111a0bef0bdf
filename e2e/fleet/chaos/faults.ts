// All faults of a run: target, duration, injection and repair.
import { setTimeout as sleep } from 'node:timers/promises';
import { LossWatch } from './losses.ts';
import type { ChaosWorld } from './world/chaos-world.ts';
import { addresses } from './world/network.ts';

/** Ends a fault; everything is repaired again at the end of a round. */
type Heal = () => Promise<void> | void;

/** Which of the replicas, processes of agents or issuers a fault meets, and from 0 to 1 what else it leaves open. */
export interface FaultTarget {
  readonly index: number;
  readonly detail: number;
}

interface Fault {
  /** Only one fault at a time affects the same resource. */
  readonly resource: 'redis' | 'replica' | 'host' | 'issuer' | 'reviews' | 'operator';
  /** Minimum and maximum, in milliseconds. */
  readonly durationMs: readonly [number, number];
  readonly inject: (world: ChaosWorld, fault: FaultTarget) => Promise<Heal> | Heal;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** The writes that a failover loses. */
const missedMs = 1_000;

/** An offset of minutes, hours or days, ahead or behind. */
function offsetOf({ detail }: FaultTarget): number {
  const sizes = [5 * minuteMs, 45 * minuteMs, 7 * 60 * minuteMs, 2 * dayMs, 9 * dayMs];
  const size = sizes[Math.floor(detail * 997) % sizes.length] ?? minuteMs;
  return detail < 0.5 ? size : -size;
}

async function failOver(world: ChaosWorld, endPrimary: () => Promise<void>): Promise<void> {
  const watch = await LossWatch.begin(world);
  const fromMs = Date.now();
  await world.redis.cutReplication();
  await sleep(missedMs);
  await endPrimary();
  await world.redis.promote();
  const loss = { fromMs, toMs: Date.now(), isAll: false };
  world.ledger.redisLost(loss);
  world.watching.push(watch.end(loss));
}

async function droppedWay(world: ChaosWorld, address: string): Promise<Heal> {
  await world.network.drop(address);
  return () => world.network.restore(address);
}

const replicaFaults = {
  'replica-killed': {
    resource: 'replica',
    durationMs: [1_000, 12_000],
    inject: async (world, { index }) => {
      await world.replica(index).kill();
      await world.publishEndpoints();
      return () => world.startReplica(index);
    },
  },
  'replica-restarted': {
    resource: 'replica',
    durationMs: [500, 3_000],
    inject: async (world, { index }) => {
      await world.replica(index).stop();
      await world.publishEndpoints();
      return () => world.startReplica(index);
    },
  },
  'replica-paused': {
    resource: 'replica',
    durationMs: [3_000, 40_000],
    inject: (world, { index }) => {
      world.replica(index).freeze();
      return () => world.replica(index).goOn();
    },
  },
  'replica-clock': {
    resource: 'replica',
    // Longer than the interval of the sweep that removes silent nodes.
    durationMs: [36_000, 45_000],
    inject: (world, fault) => {
      world.replica(fault.index).shiftClock(offsetOf(fault));
      return () => world.replica(fault.index).shiftClock(0);
    },
  },
  'replica-redis-dropped': {
    resource: 'replica',
    durationMs: [4_000, 25_000],
    inject: async (world, { index }) => {
      const reconnected = world.replica(index).cutOff();
      const restore = await droppedWay(world, addresses.redisOf(index));
      return async () => {
        await restore();
        reconnected();
      };
    },
  },
  'rates-changed': {
    resource: 'replica',
    durationMs: [500, 1_000],
    // Like a rolling update of the file: one replica after another.
    inject: async (world, { index, detail }) => {
      world.writePolicies(detail < 0.5 ? 6 : 30);
      await world.replica(index).stop();
      await world.publishEndpoints();
      return () => world.startReplica(index);
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;

const redisFaults = {
  'redis-killed': {
    resource: 'redis',
    durationMs: [500, 8_000],
    inject: async ({ redis, ledger }) => {
      await redis.kill();
      // The append-only file is synchronised each second, or when the disk allows.
      ledger.redisLost({ fromMs: Date.now() - 2_500, toMs: Date.now(), isAll: false });
      return () => redis.restart({ isEmpty: false });
    },
  },
  'redis-emptied': {
    resource: 'redis',
    durationMs: [200, 4_000],
    inject: async (world) => {
      const watch = await LossWatch.begin(world);
      await world.redis.kill();
      const loss = { fromMs: 0, toMs: Date.now(), isAll: true };
      world.ledger.redisLost(loss);
      return async () => {
        await world.redis.restart({ isEmpty: true });
        world.watching.push(watch.end(loss));
      };
    },
  },
  'redis-failover': {
    resource: 'redis',
    durationMs: [2_000, 5_000],
    inject: async (world) => {
      await failOver(world, () => world.redis.kill());
      return () => world.redis.repair();
    },
  },
  'redis-failover-readonly': {
    resource: 'redis',
    durationMs: [4_000, 12_000],
    // The old primary continues as a replica, and its connections stay.
    inject: async (world, { detail }) => {
      await world.redis.setScriptErrors(detail < 0.6 ? 'old' : 'current');
      await failOver(world, () => Promise.resolve());
      await world.redis.demoteOther();
      return () => world.redis.repair();
    },
  },
  'redis-full': {
    resource: 'redis',
    durationMs: [3_000, 12_000],
    inject: async ({ redis }) => {
      await redis.fill();
      return () => redis.unfill();
    },
  },
  'redis-hangs': {
    resource: 'redis',
    durationMs: [1_000, 15_000],
    inject: ({ redis }) => {
      redis.freeze();
      return () => redis.goOn();
    },
  },
  'agents-redis-dropped': {
    resource: 'redis',
    durationMs: [4_000, 20_000],
    inject: (world) => droppedWay(world, addresses.redisOfAgents),
  },
} as const satisfies Readonly<Record<string, Fault>>;

const agentFaults = {
  'agents-frozen': {
    resource: 'host',
    durationMs: [2_000, 8_000],
    inject: (world, { index }) => {
      const ends = world.host(index).nodes.map((node) => world.ledger.excuse(node));
      world.host(index).freeze();
      return () => {
        world.host(index).goOn();
        for (const end of ends) end();
      };
    },
  },
  'agents-dropped': {
    resource: 'host',
    durationMs: [4_000, 20_000],
    inject: (world, { index }) => droppedWay(world, `127.0.${100 + index}.0/24`),
  },
  // The path of the connections drops packets while another path works: the agents give up and reconnect, and their
  // earlier messages arrive when the first path is repaired.
  'streams-abandoned': {
    resource: 'host',
    durationMs: [8_000, 34_000],
    inject: async (world, { index, detail }) => {
      await world.usePath(index, 1);
      await world.network.drop(`127.0.${100 + index}.0/24`);
      // Some detect it themselves after half a minute; others are restarted.
      if (detail < 0.5) await world.host(index).tell({ kind: 'restart', nodes: world.host(index).nodes });
      return async () => {
        await world.network.restore(`127.0.${100 + index}.0/24`);
        await world.usePath(index, 0);
      };
    },
  },
  'agents-restarted': {
    resource: 'host',
    durationMs: [500, 1_000],
    inject: async (world, { index, detail }) => {
      const { nodes } = world.host(index);
      await world.host(index).tell({ kind: 'restart', nodes: nodes.slice(0, Math.ceil(nodes.length * detail)) });
      return () => undefined;
    },
  },
  'agent-clocks': {
    resource: 'host',
    durationMs: [8_000, 30_000],
    inject: async (world, fault) => {
      const host = world.host(fault.index);
      const nodes = host.nodes.slice(0, Math.ceil(host.nodes.length / 4));
      await host.tell({ kind: 'clocks', nodes, offsetMs: offsetOf(fault) });
      return async () => {
        await host.tell({ kind: 'clocks', nodes, offsetMs: 0 });
      };
    },
  },
  'volumes-come-and-go': {
    resource: 'host',
    durationMs: [500, 1_000],
    inject: async (world, { index, detail }) => {
      await world.replaceVolumes(index, Math.ceil(detail * 20));
      return () => undefined;
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;

const otherFaults = {
  'issuer-away': {
    resource: 'issuer',
    durationMs: [8_000, 14_000],
    inject: async (world, { index }) => {
      await world.setIssuerAway(index, true);
      // Many renewals wait while the lane is slow: they must be advanced when it recovers.
      await world.operator.startBulk(index);
      return () => world.setIssuerAway(index, false);
    },
  },
  'reviews-slow': {
    resource: 'reviews',
    durationMs: [8_000, 25_000],
    inject: ({ reviews }, { detail }) => {
      reviews.delayMs = 1_000 + Math.round(detail * 14_000);
      return () => void (reviews.delayMs = 0);
    },
  },
  'reviews-fail': {
    resource: 'reviews',
    durationMs: [4_000, 12_000],
    inject: ({ reviews }) => {
      reviews.fails = true;
      return () => void (reviews.fails = false);
    },
  },
  'lane-paused': {
    resource: 'issuer',
    durationMs: [5_000, 20_000],
    inject: async ({ operator }, { index }) => {
      const resume = await operator.pause(index);
      return resume;
    },
  },
  'bulk-cancelled': {
    resource: 'issuer',
    durationMs: [300, 6_000],
    // Or suspended, and resumed at the end.
    inject: async ({ operator }, { index, detail }) =>
      detail < 0.5 ? await operator.startBulk(index) : await operator.startSuspended(index),
  },
  'bulk-renewal': {
    resource: 'issuer',
    durationMs: [300, 1_000],
    inject: async ({ operator }, { index }) => {
      await operator.startBulk(index);
      return () => undefined;
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultKind =
  keyof typeof replicaFaults | keyof typeof redisFaults | keyof typeof agentFaults | keyof typeof otherFaults;

/** Every fault by its kind. */
export const faults: Readonly<Record<FaultKind, Fault>> = {
  ...replicaFaults,
  ...redisFaults,
  ...agentFaults,
  ...otherFaults,
};

export const faultKinds = Object.keys(faults) as readonly FaultKind[];
