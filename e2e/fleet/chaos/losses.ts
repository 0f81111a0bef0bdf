// Checks that a loss of Redis' state is reported: by a log line, a metric, and an alert on that metric.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { iso } from './ledger.ts';
import type { RedisLoss } from './ledger.ts';
import type { ChaosWorld } from './world/chaos-world.ts';

const metric = 'certfleet_controller_redis_state_loss_total';
const logged = 'Redis lost state';
const limitMs = 15_000;
const lookMs = 500;
const alertsFile = join(import.meta.dirname, '../../../helm/certfleet/files/alerts.yaml');

/** How many losses each process of a replica has counted, from its start. */
type Counts = ReadonlyMap<number, number>;

interface Witness {
  readonly index: number;
  readonly pid: number;
}

/** Watches for a loss from before it happens: only a replica that has seen the lost data can detect it. */
export class LossWatch {
  readonly #world: ChaosWorld;
  readonly #witnesses: readonly Witness[];
  readonly #before: Counts;

  private constructor(world: ChaosWorld, witnesses: readonly Witness[], before: Counts) {
    this.#world = world;
    this.#witnesses = witnesses;
    this.#before = before;
  }

  static async begin(world: ChaosWorld): Promise<LossWatch> {
    const serving = world.replicas.filter(({ isServing, isCutOff }) => isServing && !isCutOff);
    const ready = await Promise.all(serving.map((replica) => replica.isReady()));
    const witnesses = serving.filter((_, i) => ready[i]).map(({ index, pid }) => ({ index, pid }));
    return new LossWatch(world, witnesses, await countsOf(world));
  }

  /** Waits until the loss is reported, as long as a replica that can detect it runs; called when Redis is available. */
  async end(loss: RedisLoss): Promise<void> {
    const { lateness } = this.#world;
    const startedMs = Date.now();
    let couldTellMs = 0;
    while (couldTellMs < limitMs + lateness.since(startedMs)) {
      if (await this.#wasTold(loss)) return;
      const living = this.#witnesses.filter(({ index, pid }) => this.#world.replica(index).pid === pid);
      if (living.length === 0) return;
      // A replica that is frozen or disconnected from Redis reports it later.
      const ready = await Promise.all(living.map(({ index }) => this.#world.replica(index).isReady()));
      await sleep(lookMs);
      if (ready.includes(true)) couldTellMs += lookMs;
    }
    const lost = loss.isAll ? 'everything' : 'its last writes';
    this.#world.ledger.violate(
      7,
      `Redis lost ${lost} at ${iso(loss.toMs)}, which was not reported within ${limitMs} ms`,
    );
  }

  async #wasTold({ fromMs, toMs }: RedisLoss): Promise<boolean> {
    const counts = await countsOf(this.#world);
    const isCounted = [...counts].some(([pid, count]) => count > (this.#before.get(pid) ?? 0));
    const lines = this.#world.log.between(Math.max(fromMs, toMs - 5_000), Infinity);
    return isCounted && lines.some((line) => line.includes(logged));
  }
}

/** Whether an alert uses the metric of losses. */
export function lossesHaveAnAlert(): boolean {
  return readFileSync(alertsFile, 'utf8').includes(metric);
}

async function countsOf(world: ChaosWorld): Promise<Counts> {
  const counts = new Map<number, number>();
  await Promise.all(
    world.replicas
      .filter(({ isServing }) => isServing)
      .map(async (replica) => {
        const text = await replica.metrics().catch(() => '');
        const values = text.split('\n').filter((line) => line.startsWith(`${metric}{`));
        counts.set(
          replica.pid,
          values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0),
        );
      }),
  );
  return counts;
}
