import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { nodes } from '@certfleet/shared/kube/api-resource.ts';
import type { Logger } from '@certfleet/shared/logger.ts';

interface NodeLabel {
  readonly key: string;
  readonly value: string;
}

export interface NodeReadinessOptions {
  readonly client: Pick<KubeClient, 'request'>;
  readonly nodeName: string;
  /** Key of the taint to remove; taints with this key are removed with any value and effect. */
  readonly taintKey: string | undefined;
  readonly label: NodeLabel | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect?: string;
}

interface RawNode {
  readonly metadata?: { readonly resourceVersion?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: { readonly taints?: readonly Taint[] };
}

const initialBackoffMs = 500;
const maxBackoffMs = 60_000;

/**
 * Marks the node as ready for pods with certificates once the kubelet has registered the driver: removes the startup
 * taint and sets a label. Repeated until it succeeds, and at each registration, so that a restarted agent or kubelet
 * checks again.
 */
export class NodeReadiness {
  readonly #options: NodeReadinessOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #isQueued = false;

  constructor(options: NodeReadinessOptions) {
    this.#options = options;
  }

  /** Called at each registration. Returns at once; registrations during a run cause one more. */
  registered(): void {
    if (this.#isQueued || this.#stopping.signal.aborted) return;
    this.#isQueued = true;
    this.#running = this.#running.then(() => {
      this.#isQueued = false;
      return this.#markUntilDone();
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new CertfleetError('cancelled', 'the agent is stopping'));
    await this.#running;
  }

  async #markUntilDone(): Promise<void> {
    const { clock, log, nodeName } = this.#options;
    const { signal } = this.#stopping;
    const isStopped = (): boolean => signal.aborted;
    for (let backoffMs = initialBackoffMs; !isStopped(); backoffMs = Math.min(2 * backoffMs, maxBackoffMs)) {
      try {
        await this.#mark(signal);
        return;
      } catch (thrown) {
        if (isStopped()) return;
        log.warn({ node: nodeName, error: String(thrown) }, 'cannot mark the node as ready, retrying');
        await delay(clock, backoffMs, signal).catch(() => undefined);
      }
    }
  }

  /**
   * One read, and one write if something is missing. The write names the version that was read: another controller may
   * change the list of taints at the same time, and a merge patch replaces the whole list.
   */
  async #mark(signal: AbortSignal): Promise<void> {
    const { client, nodeName, taintKey, label, log } = this.#options;
    const target = { resource: nodes, name: nodeName, signal };
    const { metadata = {}, spec = {} } = (await client.request({ verb: 'get', ...target })) as RawNode;
    const { taints = [] } = spec;
    const remaining = taints.filter(({ key }) => key !== taintKey);
    const isTainted = remaining.length < taints.length;
    const isUnlabelled = label !== undefined && metadata.labels?.[label.key] !== label.value;
    if (!isTainted && !isUnlabelled) return;
    const labels = isUnlabelled ? { labels: { [label.key]: label.value } } : {};
    const body = {
      metadata: { resourceVersion: metadata.resourceVersion, ...labels },
      ...(isTainted && { spec: { taints: remaining } }),
    };
    await client.request({ verb: 'patch', ...target, body });
    log.info({ node: nodeName, taint: isTainted ? taintKey : undefined, label }, 'marked the node as ready');
  }
}
