import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { Cluster } from '../../cluster/cluster.ts';
import type { PodObject } from '../support/pods.ts';

/** A certificate seen by a reader. */
export interface SeenCertificate {
  readonly serial: string;
  readonly notAfterMs: number;
  /** Name of the authority in the volume's ca.crt. */
  readonly authority: string;
}

/** The fields of a pod that locate its volume. */
type ReadPod = Pick<PodObject, 'metadata' | 'spec'>;

const betweenReadsMs = 100;
/** A payload is read in this many rounds after its link has changed, and then in each tenth one: most reads find nothing new. */
const roundsAfterChange = 20;
const roundsBetweenReads = 10;
/** A payload that is replaced during a read is read again, like in a program that reloads. */
const maxSwaps = 5;

/**
 * Reads the certificate volumes of running pods continuously through the kubelet's mounts, which are what containers
 * see: there must always be a key that matches an unexpired certificate from the CA next to it.
 */
export class VolumeReader {
  readonly #cluster: Pick<Cluster, 'nodePath'>;
  readonly #now: () => number;
  readonly #seen = new Map<string, SeenCertificate[]>();
  readonly #problems = new Set<string>();
  readonly #mayExpire = new Set<string>();
  /** The files that were checked last, by pod. */
  readonly #checked = new Map<string, readonly Buffer[]>();
  /** The payload that a pod's link leads to, and the round in which it did so first. */
  readonly #links = new Map<string, { readonly link: string; readonly round: number }>();
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #pods: readonly ReadPod[] = [];
  #rounds = 0;

  constructor(cluster: Pick<Cluster, 'nodePath'>, now: () => number = Date.now) {
    this.#cluster = cluster;
    this.#now = now;
    this.#running = this.#run();
  }

  /** Also reads the volumes of these pods. */
  add(...pods: readonly ReadPod[]): void {
    this.#pods = [...this.#pods, ...pods];
  }

  /** Reads the volumes of these pods no more. */
  remove(...names: readonly string[]): void {
    this.#pods = this.#pods.filter(({ metadata }) => !names.includes(metadata.name));
  }

  /** Expired certificates of these pods are no problem. @returns what ends that */
  tolerateExpiry(pods: readonly string[]): () => void {
    for (const pod of pods) this.#mayExpire.add(pod);
    return () => {
      for (const pod of pods) this.#mayExpire.delete(pod);
    };
  }

  /** Every certificate that the pod's volume has contained, in order. */
  seenBy(pod: string): readonly SeenCertificate[] {
    return this.#seen.get(pod) ?? [];
  }

  /** Invalid states, as text. */
  get problems(): readonly string[] {
    return [...this.#problems];
  }

  /** How often all volumes were read. */
  get rounds(): number {
    return this.#rounds;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      for (const pod of this.#pods) {
        try {
          this.#read(pod);
        } catch (error) {
          this.#problems.add(`${pod.metadata.name}: ${String(error)}`);
        }
      }
      this.#rounds += 1;
      await delay(betweenReadsMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #read(pod: ReadPod): void {
    const { name } = pod.metadata;
    const directory = this.#cluster.nodePath(mountedVolume(pod));
    if (this.#isToBeRead(name, readlinkSync(join(directory, '..data')))) {
      const files = readPayload(directory);
      const before = this.#checked.get(name);
      // Most reads find the same files, which would cost more than a millisecond each time.
      if (before === undefined || !files.every((file, index) => file.equals(before[index] ?? Buffer.of()))) {
        this.#check(name, files);
        this.#checked.set(name, files);
      }
    }
    const { serial, notAfterMs } = this.#seen.get(name)?.at(-1) ?? { serial: '', notAfterMs: 0 };
    if (notAfterMs < this.#now() && !this.#mayExpire.has(name)) throw new Error(`${serial} has expired`);
  }

  #isToBeRead(name: string, link: string): boolean {
    const known = this.#links.get(name);
    const round = known?.link === link ? known.round : this.#rounds;
    this.#links.set(name, { link, round });
    const age = this.#rounds - round;
    return age < roundsAfterChange || age % roundsBetweenReads === 0;
  }

  #check(name: string, [certificate, key, authority]: readonly [Buffer, Buffer, Buffer]): void {
    const leaf = new X509Certificate(certificate);
    const ca = new X509Certificate(authority);
    if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error(`key does not match ${leaf.serialNumber}`);
    if (!leaf.verify(ca.publicKey)) throw new Error(`ca.crt does not match ${leaf.serialNumber}`);
    const seen = this.#seen.get(name) ?? [];
    this.#seen.set(name, seen);
    if (seen.at(-1)?.serial === leaf.serialNumber) return;
    const notAfterMs = leaf.validToDate.getTime();
    seen.push({ serial: leaf.serialNumber, notAfterMs, authority: ca.fingerprint256 });
  }
}

/** The directory on the node that the kubelet has mounted for a pod's first CSI volume. */
export function mountedVolume({ metadata, spec }: ReadPod): string {
  const volume = spec.volumes.find(({ csi }) => csi !== undefined)?.name ?? '';
  return `/var/lib/kubelet/pods/${metadata.uid}/volumes/kubernetes.io~csi/${volume}/mount`;
}

/**
 * Certificate, key and CA file of one payload. They are in memory: to read them at once costs a tenth of what promises
 * cost, and readers do it all the time.
 */
export function readPayload(directory: string): readonly [Buffer, Buffer, Buffer] {
  for (let swaps = 0; ; swaps += 1) {
    try {
      const current = join(directory, readlinkSync(join(directory, '..data')));
      const read = (name: string): Buffer => readFileSync(join(current, name));
      return [read('tls.crt'), read('tls.key'), read('ca.crt')];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || swaps === maxSwaps) throw error;
    }
  }
}
