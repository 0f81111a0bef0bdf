import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { PodVariableParts } from '../../node-volumes.ts';
import type { PodObject } from '../../spec/pod-variable-values.ts';
import type { PodAddressWatch } from '../pod-address-follower.ts';

/** A pod of the API server. */
export type FakePod = PodObject & { readonly uid: string };

type Listener = Parameters<PodAddressWatch['start']>[0];

/** The pods of a node, as the API server and the agent's watch show them. */
export class FakePods {
  /** Reads of single pods. */
  reads = 0;
  /** Thrown by each read while it is set. */
  failure: CertfleetError | undefined;
  /** Changes of the pods that `get` returns. */
  readonly changes = new Map<string, Partial<FakePod>>();
  #listener: Listener | undefined;
  readonly #addresses = new Map<string, readonly string[]>();

  /** Whether the watch runs. */
  get isWatched(): boolean {
    return this.#listener !== undefined;
  }

  readonly watch: PodAddressWatch = {
    addressesOf: (uid) => this.#addresses.get(uid),
    start: (listener) => void (this.#listener = listener),
    stop: () => {
      this.#listener = undefined;
      this.#addresses.clear();
      return Promise.resolve();
    },
  };

  /** The watch sees the addresses of a pod; the first time, they may be old. */
  see(name: string, ...addresses: readonly string[]): void {
    const uid = `uid-${name}`;
    const isFirstSight = !this.#addresses.has(uid);
    this.#addresses.set(uid, addresses);
    this.#listener?.onAddresses(uid, addresses, isFirstSight);
  }

  failWatch(message: string): void {
    this.#listener?.onError(new CertfleetError('permission-denied', message, { reason: 'Forbidden' }));
  }

  /** The settings of an agent that allows the label `app`. */
  get parts(): PodVariableParts {
    return {
      labels: ['app'],
      annotations: [],
      clusterDomain: 'cluster.local',
      getPod: ({ name }) => this.#get(name),
      watch: this.watch,
    };
  }

  #get(name: string): Promise<FakePod> {
    this.reads += 1;
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return Promise.resolve({
      uid: `uid-${name}`,
      metadata: { labels: { app: 'web' }, annotations: {} },
      spec: { hostNetwork: false, hostname: '', hostnameOverride: '', subdomain: 'web' },
      status: { podIPs: [], hostIPs: [] },
      ...this.changes.get(name),
    });
  }
}
