import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { createMountTable } from '../../apps/node-agent/src/mount/mount-table.ts';
import { readMountinfo } from '../../apps/node-agent/src/mount/mountinfo.ts';
import { enterPrivateMountNamespace } from '../../apps/node-agent/src/mount/private-mount-namespace.ts';
import { inlineVolume } from '@certfleet/csi-client/csi-client.ts';
import type { InlineVolume, InlineVolumeSource } from '@certfleet/csi-client/csi-client.ts';
import type { SecretScanText } from '../support/secret-scan.ts';

/** Why tests with real mounts cannot run here; false when they can. */
export const cannotMount: string | false = process.getuid?.() !== 0 && 'mounting needs root';

/** Parent of all nodes of this process, on a tmpfs that only this process and its children see. */
const nodesRoot = `/run/cf-${process.pid}`;
let nodes = 0;

/**
 * A node's file system for restarting agents, in the mount namespace of the test's process: mounts outlive a killed
 * agent as on a host, and end with the test, so nothing is left on the machine. Files must be read by synchronous
 * calls: Node's threads for asynchronous ones stay in the machine's namespace.
 */
export class TestNode {
  readonly root: string;
  /** All output of the node's agents and every metrics page that was read. */
  readonly texts: SecretScanText[] = [];

  constructor() {
    if (nodes === 0) makeNodesRoot();
    this.root = join(nodesRoot, `n${(nodes += 1)}`);
    mkdirSync(join(this.root, 'pods'), { recursive: true });
  }

  get socketPath(): string {
    return join(this.root, 'csi.sock');
  }

  /** The kubelet's plugins_registry. */
  get registryPath(): string {
    return join(this.root, 'registry');
  }

  /** The agent's tmpfs. */
  get storePath(): string {
    return join(this.root, 'data/certfleet');
  }

  /** Flags for an agent of this node with free ports. */
  get flags(): readonly string[] {
    return [
      '--node-id=node-1',
      `--endpoint=unix://${this.socketPath}`,
      `--data-root=${join(this.root, 'data')}`,
      `--plugin-registration-path=${this.registryPath}`,
      '--metrics-bind-address=127.0.0.1:0',
      '--health-bind-address=127.0.0.1:0',
      '--rsa-key-pool-size=1',
      '--log-level=5',
    ];
  }

  /** A pod's volume with these attributes, given without their prefix; the pod is named like its target directory. */
  volume(
    podName: string,
    attributes: Readonly<Record<string, string>> = {},
    source: Partial<InlineVolumeSource> = {},
  ): InlineVolume {
    const own = Object.entries({ 'issuer-name': 'local-ca', 'key-algorithm': 'ECDSA', ...attributes });
    return inlineVolume({
      podName,
      targetPath: join(this.root, 'pods', podName, 'mount'),
      attributes: Object.fromEntries(own.map(([name, value]) => [`csi.cert-manager.io/${name}`, value])),
      ...source,
    });
  }

  directoryOf({ volumeId }: Pick<InlineVolume, 'volumeId'>): string {
    return join(this.storePath, volumeId);
  }

  /** The volume's metadata as written by the agent; undefined if there is none. */
  recordOf(volume: Pick<InlineVolume, 'volumeId'>): VolumeJson | undefined {
    const path = join(this.directoryOf(volume), 'volume.json');
    if (!existsSync(path)) return undefined;
    const text = readFileSync(path, 'utf8');
    this.texts.push({ where: path, text });
    return JSON.parse(text) as VolumeJson;
  }

  /** The content of the agent's tmpfs: volume ids, and temporary files if any are left. */
  stored(): readonly string[] {
    return existsSync(this.storePath) ? readdirSync(this.storePath).sort() : [];
  }

  /** Mount points of pods on this node. */
  mountPoints(): readonly string[] {
    const pods = join(this.root, 'pods');
    return [...createMountTable(readMountinfo()).keys()].filter((point) => point.startsWith(`${pods}/`)).sort();
  }

  /** Whether the volume is mounted read-only at its target. */
  isReadOnly({ targetPath }: Pick<InlineVolume, 'targetPath'>): boolean {
    const options = execFileSync('findmnt', ['--noheadings', '--output', 'OPTIONS', '--mountpoint', targetPath]);
    return options.toString().trim().split(',').includes('ro');
  }

  /** Unmounts and removes everything; the agents must have exited. */
  remove(): void {
    for (const point of this.#points().sort().reverse()) execFileSync('umount', ['--lazy', point]);
    execFileSync('rm', ['-rf', this.root]);
  }

  #points(): string[] {
    return readMountinfo()
      .map(({ mountPoint }) => mountPoint)
      .filter((point) => point.startsWith(`${this.root}/`));
  }
}

function makeNodesRoot(): void {
  removeDeadRoots();
  enterPrivateMountNamespace();
  mkdirSync(nodesRoot);
  process.once('exit', () => {
    execFileSync('umount', ['--recursive', '--lazy', nodesRoot]);
    rmdirSync(nodesRoot);
  });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256m,mode=0755', 'certfleet-e2e', nodesRoot]);
  // As on a host: later mounts propagate into running pods, but not out of them.
  execFileSync('mount', ['--make-shared', nodesRoot]);
}

/** A killed test's mounts disappeared with its namespace; only the empty mount point is left. */
function removeDeadRoots(): void {
  for (const name of readdirSync('/run')) {
    const pid = /^cf-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmdirSync(join('/run', name));
  }
}

/** The fields of a volume's metadata that tests check. */
export interface VolumeJson {
  readonly phase: string;
  readonly generation: number;
  readonly issued?: { readonly serialNumber: string; readonly issuedAt: string; readonly renewAt: string };
}
