import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { LivedIssuance } from '../support/living-volumes.ts';
import type { HostAnswer, HostOrder, HostedNode } from './agent-host.ts';

/** Agents of many nodes in a few processes, so that their cost is separate from the controller's. */
export class AgentHosts {
  readonly #children: readonly ChildProcess[];

  constructor(count: number) {
    this.#children = Array.from({ length: count }, () => fork(resolve(import.meta.dirname, 'agent-host.ts')));
  }

  get pids(): readonly number[] {
    return this.#children.map(({ pid }) => pid ?? 0);
  }

  /** Starts the agents, distributed over the processes. */
  async start(
    order: Omit<HostOrder & { kind: 'start' }, 'kind' | 'nodes'>,
    nodes: readonly HostedNode[],
  ): Promise<void> {
    const each = Math.ceil(nodes.length / this.#children.length);
    await this.#tell((i) => ({ ...order, kind: 'start', nodes: nodes.slice(i * each, (i + 1) * each) }));
  }

  /** The number of volumes that were renewed at least once. */
  async renewed(): Promise<number> {
    return (await this.#tell(() => ({ kind: 'count' }))).reduce((sum, { renewed = 0 }) => sum + renewed, 0);
  }

  /** Every replaced certificate. */
  async issuances(): Promise<readonly LivedIssuance[]> {
    return (await this.#tell(() => ({ kind: 'collect' }))).flatMap(({ issuances = [] }) => issuances);
  }

  async stop(): Promise<void> {
    const ends = this.#children.filter(({ connected }) => connected).map((child) => once(child, 'exit'));
    await this.#tell(() => ({ kind: 'stop' }));
    await Promise.all(ends);
  }

  async #tell(orderOf: (index: number) => HostOrder): Promise<readonly HostAnswer[]> {
    return await Promise.all(
      this.#children.map(async (child, i) => {
        if (!child.connected) throw new Error('the agents’ process has exited');
        const ended = new AbortController();
        const answer = Promise.race([
          once(child, 'message', { signal: ended.signal }),
          once(child, 'exit', { signal: ended.signal }).then(() => {
            throw new Error('the agents’ process exited');
          }),
        ]);
        child.send(orderOf(i));
        const [message] = (await answer.finally(() => ended.abort())) as [HostAnswer];
        return message;
      }),
    );
  }
}
