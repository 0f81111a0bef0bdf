import type { Clock } from '@certfleet/shared/clock.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { pods } from '@certfleet/shared/kube/api-resource.ts';
import { ResourceWatch } from '@certfleet/shared/kube/resource-watch.ts';
import { addressList } from './pod.ts';

export interface PodWatchOptions {
  readonly client: Pick<KubeClient, 'request' | 'watch'>;
  readonly clock: Clock;
  readonly nodeName: string;
}

/** Receives what the watch sees. */
export interface PodWatchListener {
  /**
   * The addresses of a pod, possibly none. `isFirstSight`: the pod was not known before, so the addresses may be old: a
   * pod keeps those of its last sandbox in the API until the kubelet of a restarted node has reported it.
   */
  readonly onAddresses: (uid: string, addresses: readonly string[], isFirstSight: boolean) => void;
  /** A failure from which the watch is about to recover. */
  readonly onError: (error: CertfleetError) => void;
}

/** The few fields of a pod that are kept. */
interface WatchedPod {
  readonly uid: string;
  readonly addresses: readonly string[];
}

interface RawPod {
  readonly metadata?: { readonly uid?: string };
  readonly status?: { readonly podIP?: string; readonly podIPs?: readonly { readonly ip?: string }[] };
}

/** Follows the addresses of the pods of one node with one watch. It runs only between `start` and `stop`. */
export class PodWatch {
  readonly #options: PodWatchOptions;
  /** By UID; a node runs some hundred pods at most. */
  readonly #addresses = new Map<string, readonly string[]>();
  #watch: ResourceWatch<WatchedPod> | undefined;
  /** Which start the handlers belong to: those of a stopped watch have no effect. */
  #run = 0;
  #stopped: Promise<unknown> = Promise.resolve();

  constructor(options: PodWatchOptions) {
    this.#options = options;
  }

  /** The last seen addresses of a pod; undefined if the watch does not know the pod. */
  addressesOf(uid: string): readonly string[] | undefined {
    return this.#addresses.get(uid);
  }

  start(listener: PodWatchListener): void {
    if (this.#watch !== undefined) return;
    const { client, clock, nodeName } = this.#options;
    const run = ++this.#run;
    this.#watch = new ResourceWatch<WatchedPod>({
      client,
      clock,
      resource: pods,
      fieldSelector: `spec.nodeName=${nodeName}`,
      project: watchedPod,
      onEvent: ({ type, object }) => {
        if (this.#run !== run) return;
        if (type === 'DELETED') this.#addresses.delete(object.uid);
        else this.#see(object, listener);
      },
      onSynced: (objects) => {
        if (this.#run !== run) return;
        const present = new Set(objects.map(({ uid }) => uid));
        for (const uid of this.#addresses.keys()) if (!present.has(uid)) this.#addresses.delete(uid);
        for (const pod of objects) this.#see(pod, listener);
      },
      onError: (error) => {
        if (this.#run === run) listener.onError(error);
      },
    });
    this.#watch.start();
  }

  /** Ends the watch and forgets the pods; it can be started again. Resolves when its work has ended. */
  async stop(): Promise<void> {
    const watch = this.#watch;
    this.#watch = undefined;
    this.#run += 1;
    this.#addresses.clear();
    if (watch !== undefined) this.#stopped = Promise.all([this.#stopped, watch.stop()]);
    await this.#stopped;
  }

  #see({ uid, addresses }: WatchedPod, listener: PodWatchListener): void {
    const known = this.#addresses.get(uid);
    if (known?.join() === addresses.join()) return;
    this.#addresses.set(uid, addresses);
    listener.onAddresses(uid, addresses, known === undefined);
  }
}

function watchedPod(raw: unknown): WatchedPod | undefined {
  const { metadata, status } = raw as RawPod;
  const uid = metadata?.uid ?? '';
  if (uid === '') return undefined;
  return { uid, addresses: addressList(status?.podIP, status?.podIPs).map(({ ip }) => ip) };
}
