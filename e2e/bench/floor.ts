import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';
import type { BenchCluster } from './bench-cluster.ts';
import type { FloorOrder } from './floor-order.ts';
import type { Timings } from './timings.ts';

/** The bare client's process, in the cluster's network like the agent. */
export class Floor {
  readonly #child: ChildProcess;
  /** Rejects when the process exits, also between two orders. */
  readonly #ended: Promise<never>;

  private constructor(enterNamespace: readonly string[]) {
    const [file = '', ...args]: readonly string[] = [
      ...enterNamespace,
      process.execPath,
      resolve(import.meta.dirname, 'floor-client.ts'),
    ];
    this.#child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#ended = once(this.#child, 'exit').then(() => {
      throw new Error('the bare client exited; see its output');
    });
    // The next order reports it.
    this.#ended.catch(() => undefined);
  }

  /** Starts it and waits for its watch. */
  static async start({ cluster, access, namespace }: BenchCluster): Promise<Floor> {
    const floor = new Floor(cluster.enterNamespace);
    await floor.#order({ kind: 'connect', access, namespace });
    return floor;
  }

  /** Gets certificates for these volumes without creating the volumes. */
  async issue(volumes: readonly InlineVolume[], concurrency: number): Promise<Timings> {
    return (await this.#order({ kind: 'issue', volumes, concurrency })) as Timings;
  }

  stop(): void {
    this.#child.kill();
  }

  async #order(order: FloorOrder): Promise<unknown> {
    const answered = once(this.#child, 'message') as Promise<unknown[]>;
    if (this.#child.connected) this.#child.send(order);
    const [answer] = await Promise.race([answered, this.#ended]);
    return answer;
  }
}
