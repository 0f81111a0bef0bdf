import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Cluster } from '../../cluster/cluster.ts';
import type { RequestResults } from './request-log.ts';
import type { KubeletFleet, RefreshOrder, RequestOrder } from './simulated-kubelets.ts';

interface Methods {
  prepare: { argument: KubeletFleet; result: undefined };
  requestRefreshes: { argument: RefreshOrder; result: number };
  startPods: { argument: RequestOrder & { readonly pauseMs: number }; result: undefined };
  answered: { argument: { readonly signerName: string; readonly which: 'new' | 'all' }; result: undefined };
  results: { argument: string; result: RequestResults };
  createAndAnswer: { argument: RequestOrder; result: number };
}

/** A call of the process with the kubelets. */
export type HostCall = {
  [Method in keyof Methods]: {
    readonly id: number;
    readonly method: Method;
    readonly argument: Methods[Method]['argument'];
  };
}[keyof Methods];

/** Its answer: a result or the stack of an error. */
export interface HostAnswer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Simulated kubelets in a process of their own, in the network of the cluster. */
export class KubeletProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #calls = 0;

  constructor({ enterNamespace, kubeconfig }: Cluster) {
    const host = resolve(import.meta.dirname, 'kubelet-host.ts');
    const [file = '', ...args]: readonly string[] = [...enterNamespace, process.execPath, host, kubeconfig];
    this.#child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', ({ id, result, error }: HostAnswer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(error));
    });
    this.#child.once('exit', (code, signal) => {
      const error = new Error(`the kubelets' process exited: ${code ?? signal ?? ''}`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  async call<Method extends keyof Methods>(
    method: Method,
    argument: Methods[Method]['argument'],
  ): Promise<Methods[Method]['result']> {
    if (!this.#child.connected) throw new Error("the kubelets' process has exited");
    const id = (this.#calls += 1);
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#child.send({ id, method, argument });
    return (await answer.promise) as Methods[Method]['result'];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
  }
}
