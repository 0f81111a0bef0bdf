import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { AgentVolume, HostAnswer, HostEvent, HostOrder } from './messages.ts';

/** A process with the agents of many nodes, from the run's side. */
export class AgentHost {
  readonly nodes: readonly string[];
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, (answer: HostAnswer) => void>();
  #orders = 0;

  constructor(nodes: readonly string[], onEvent: (event: HostEvent) => void) {
    this.nodes = nodes;
    this.#child = fork(resolve(import.meta.dirname, 'host-process.ts'));
    this.#child.on('message', (message: HostAnswer | HostEvent) => {
      if (message.kind === 'answer') {
        this.#pending.get(message.id)?.(message);
        this.#pending.delete(message.id);
      } else onEvent(message);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#child.connected;
  }

  /** Resolves with the answer; a frozen process answers when it continues. */
  async tell(order: HostOrder): Promise<HostAnswer> {
    if (!this.#child.connected) throw new Error("the agents' process has exited");
    const id = (this.#orders += 1);
    const { promise, resolve: answered } = Promise.withResolvers<HostAnswer>();
    this.#pending.set(id, answered);
    this.#child.send({ id, order });
    return await promise;
  }

  /** The current state of every volume of its nodes. */
  async states(): Promise<readonly AgentVolume[]> {
    return (await this.tell({ kind: 'states' })).volumes ?? [];
  }

  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  goOn(): void {
    this.#child.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}
