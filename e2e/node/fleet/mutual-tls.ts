import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';

import type { Cluster } from '../../cluster/cluster.ts';
import type { PodObject } from '../support/pods.ts';
import { mountedVolume, readPayload } from './volume-reader.ts';

interface Files {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

/** A program of a pod: it uses the files that it has loaded last. */
interface Program {
  readonly pod: string;
  readonly directory: string;
  files: Files;
  /** The roots that it has trusted, in order. */
  readonly trusted: string[];
  reloadAtMs: number;
}

interface MutualTlsOptions {
  /** Each program loads its files again within this time, at its own times. */
  readonly maxReloadMs: number;
  /** Between two handshakes. */
  readonly betweenMs: number;
}

const handshakeMs = 5_000;

/**
 * Programs that use the volumes of pods and connect to each other all the time: client and server verify each other by
 * their CA files.
 */
export class MutualTls {
  readonly #programs: Program[] = [];
  readonly #failures = new Set<string>();
  readonly #stopping = new AbortController();
  readonly #options: MutualTlsOptions;
  #running: Promise<void> | undefined;
  #handshakes = 0;

  constructor(options: MutualTlsOptions) {
    this.#options = options;
  }

  /** Starts the handshakes between programs of these pods. */
  start(cluster: Pick<Cluster, 'nodePath'>, pods: readonly PodObject[]): void {
    for (const pod of pods) {
      const directory = cluster.nodePath(mountedVolume(pod));
      const files = filesIn(directory);
      const trusted = [rootsIn(files.ca)];
      this.#programs.push({ pod: pod.metadata.name, directory, files, trusted, reloadAtMs: 0 });
    }
    this.#running = this.#run();
  }

  get handshakes(): number {
    return this.#handshakes;
  }

  /** Failed handshakes, as text. */
  get failures(): readonly string[] {
    return [...this.#failures];
  }

  /** The different orders in which programs have trusted roots; each entry is the sorted roots of one CA file. */
  get trusted(): readonly (readonly string[])[] {
    const orders = new Map(this.#programs.map(({ trusted }) => [trusted.join('; '), trusted]));
    return [...orders.values()];
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (let turn = 0; !signal.aborted; turn += 1) {
      // Each program as server, with each other one as client.
      const count = this.#programs.length;
      const server = this.#programs[turn % count];
      const client = this.#programs[(turn + 1 + (Math.floor(turn / count) % (count - 1))) % count];
      if (server === undefined || client === undefined) return;
      try {
        for (const program of [server, client]) reload(program, this.#options.maxReloadMs);
        await handshake(server, client);
        this.#handshakes += 1;
      } catch (thrown) {
        this.#failures.add(`${client.pod} to ${server.pod}: ${String(thrown)}`);
      }
      await delay(this.#options.betweenMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

function filesIn(directory: string): Files {
  const [cert, key, ca] = readPayload(directory);
  return { cert, key, ca };
}

function reload(program: Program, maxReloadMs: number): void {
  if (performance.now() < program.reloadAtMs) return;
  const { ca } = program.files;
  program.files = filesIn(program.directory);
  const roots = program.files.ca.equals(ca) ? program.trusted.at(-1) : rootsIn(program.files.ca);
  if (roots !== undefined && roots !== program.trusted.at(-1)) program.trusted.push(roots);
  program.reloadAtMs = performance.now() + maxReloadMs * Math.random();
}

/** The fingerprints of a CA file, sorted. */
function rootsIn(ca: Buffer): string {
  return [...fingerprintsIn(ca.toString())].sort().join();
}

/** The SHA-256 fingerprints of the certificates in a file. */
export function fingerprintsIn(pem: string): ReadonlySet<string> {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return new Set(certificates.map((each) => new X509Certificate(each).fingerprint256));
}

/** @throws if one of the two rejects the certificate of the other */
async function handshake(server: Program, client: Program): Promise<void> {
  const listener = createServer({ ...server.files, requestCert: true, rejectUnauthorized: true });
  const signal = AbortSignal.timeout(handshakeMs);
  const accepted = once(listener, 'secureConnection', { signal }) as Promise<[TLSSocket]>;
  const rejected = new Promise<never>((_, reject) => listener.once('tlsClientError', reject));
  let socket: TLSSocket | undefined;
  try {
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening', { signal });
    const { port } = listener.address() as AddressInfo;
    // The certificates name their pods, not this address.
    socket = connect({ ...client.files, host: '127.0.0.1', port, checkServerIdentity: () => undefined });
    const connected = once(socket, 'secureConnect', { signal });
    await Promise.race([Promise.all([accepted, connected]), rejected]);
  } finally {
    socket?.destroy();
    listener.close();
    accepted.then(
      ([serverSide]) => serverSide.destroy(),
      () => undefined,
    );
  }
}
