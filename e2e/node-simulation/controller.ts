import type { ManagedFleetVolumes } from '../../apps/node-agent/src/fleet/managed-fleet-volumes.ts';
import type { AgentProcess } from './agent-process.ts';
import type { Random } from './random.ts';
import type { SimulatedTime, WallClocks } from './simulated-time.ts';

/** The renewal controller from one node's view: renewals and deferrals by generation, some repeated, some late. */
export class Controller {
  readonly #time: SimulatedTime;
  readonly #walls: WallClocks;
  readonly #random: Random;
  readonly #agent: () => AgentProcess | undefined;
  readonly #everyMs: number;
  /** When each volume may get another job. */
  readonly #nextMs = new Map<string, number>();
  #awayUntilMs = 0;
  #pausedUntilMs = 0;
  #isStopped = false;

  constructor(parts: {
    time: SimulatedTime;
    walls: WallClocks;
    random: Random;
    agent: () => AgentProcess | undefined;
    everyMs: number;
  }) {
    this.#time = parts.time;
    this.#walls = parts.walls;
    this.#random = parts.random;
    this.#agent = parts.agent;
    this.#everyMs = parts.everyMs;
  }

  start(): void {
    this.#time.after(this.#everyMs, () => {
      if (this.#isStopped) return;
      if (this.#time.nowMs >= this.#awayUntilMs) this.#dispatch();
      this.start();
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  goAway(untilMs: number): void {
    this.#awayUntilMs = untilMs;
  }

  /** An operator pauses the lanes: due renewals are deferred. */
  pause(untilMs: number): void {
    this.#pausedUntilMs = untilMs;
  }

  #dispatch(): void {
    const agent = this.#agent();
    if (agent === undefined) return;
    const nowMs = this.#time.nowMs;
    const trueMs = this.#walls.trueMs;
    for (const { volumeId, record } of [...agent.manager.volumes()]) {
      const { issued, generation } = record;
      if (issued === undefined || issued.renewAt.getTime() > trueMs) continue;
      if ((this.#nextMs.get(volumeId) ?? 0) > nowMs) continue;
      this.#nextMs.set(volumeId, nowMs + 4 * this.#everyMs);
      if (nowMs < this.#pausedUntilMs) {
        const until = new Date(trueMs + this.#pausedUntilMs - nowMs);
        this.#send((fleet) => fleet.defer(volumeId, generation, until));
      } else {
        const times = this.#random.chance(0.1) ? 2 : 1;
        for (let count = 0; count < times; count++)
          this.#send((fleet) => fleet.renew(volumeId, generation - (this.#random.chance(0.05) ? 1 : 0), false));
      }
    }
  }

  /** Reaches the agent after a delay, if it still runs. The report of the next generation is the result. */
  #send(job: (fleet: Pick<ManagedFleetVolumes, 'renew' | 'defer'>) => Promise<unknown>): void {
    this.#time.after(this.#everyMs * this.#random.next(), () => {
      const agent = this.#agent();
      if (agent !== undefined) job(agent.fleetVolumes()).catch(() => undefined);
    });
  }
}
