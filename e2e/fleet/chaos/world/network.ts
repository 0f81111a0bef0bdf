import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Loopback addresses within the run's network namespace: each path between two parties has its own. */
export const addresses = {
  /** Redis' address for one replica. */
  redisOf: (replica: number) => `127.0.20.${replica + 1}`,
  redisOfAgents: '127.0.9.1',
  /** A replica's address for one agents' process; the second path is used when the first drops packets. */
  replicaOf: (host: number, replica: number, path: 0 | 1) => `127.0.${100 + host + path * 50}.${replica + 1}`,
  reviews: '127.0.8.1',
} as const;

/** The host name of a path from agents to a replica, defined by `nameWays`. */
export function nameOfWay(host: number, replica: number, path: 0 | 1): string {
  return `replica-${replica}.way-${path}.agents-${host}.chaos`;
}

/** Defines the host names in the run's mount namespace: certificates need names. */
export async function nameWays(directory: string, hosts: number, replicas: number): Promise<readonly string[]> {
  const names: string[] = [];
  const lines = ['127.0.0.1 localhost'];
  for (let host = 0; host < hosts; host += 1) {
    for (let replica = 0; replica < replicas; replica += 1) {
      for (const path of [0, 1] as const) {
        const name = nameOfWay(host, replica, path);
        names.push(name);
        lines.push(`${addresses.replicaOf(host, replica, path)} ${name}`);
      }
    }
  }
  const file = join(directory, 'hosts');
  writeFileSync(file, `${lines.join('\n')}\n`);
  await run('mount', ['--bind', file, '/etc/hosts']);
  return names;
}

/** Silently drops packets by the addresses of a path. */
export class Network {
  readonly #dropped = new Set<string>();

  /** @param address an address, or a network such as `127.0.100.0/24` */
  async drop(address: string): Promise<void> {
    if (this.#dropped.has(address)) return;
    this.#dropped.add(address);
    await this.#change('-A', address);
  }

  async restore(address: string): Promise<void> {
    if (!this.#dropped.delete(address)) return;
    await this.#change('-D', address);
  }

  async restoreAll(): Promise<void> {
    for (const address of [...this.#dropped]) await this.restore(address);
  }

  async #change(action: '-A' | '-D', address: string): Promise<void> {
    for (const side of ['-d', '-s']) await run('iptables', ['-w', action, 'INPUT', side, address, '-j', 'DROP']);
  }
}
