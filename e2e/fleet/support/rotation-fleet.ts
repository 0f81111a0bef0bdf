import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Rotation } from '../../../libs/operator-api/src/rotations.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { TestAuthority } from '../../support/test-authority.ts';
import { certfleetResource } from './cluster-objects.ts';
import { eventually } from './eventually.ts';
import { RenewalFleet } from './renewal-fleet.ts';
import { RotatingVolumes } from './rotating-volumes.ts';
import type { AgentTrust } from './rotating-volumes.ts';

interface Ca {
  readonly pem: string;
  readonly fingerprint: string;
}

/** The used fields of a CARotation object. */
export interface StoredRotation {
  readonly metadata: {
    readonly name: string;
    readonly finalizers?: readonly string[];
    readonly deletionTimestamp?: string;
  };
  readonly status?: { readonly phase?: string; readonly trust?: AgentTrust };
}

const rotations = certfleetResource('carotations');

/** A fleet whose CA is rotated: real replicas and Redis, an agent's link in this process, objects in Kubernetes or files. */
export class RotationFleet implements AsyncDisposable {
  readonly fleet: RenewalFleet;
  readonly volumes: RotatingVolumes;
  readonly old: Ca;
  readonly new: Ca;
  /** The object that the methods are about. */
  name = 'corporate';
  /** Every combination of a phase and a check of the CA files. */
  readonly #directory: string;
  readonly #cluster: Cluster | undefined;
  /** False: the agent does not see the rotation. */
  followsTrust = true;

  private constructor(
    fleet: RenewalFleet,
    volumes: RotatingVolumes,
    parts: { directory: string; cas: readonly Ca[]; cluster: Cluster | undefined },
  ) {
    this.fleet = fleet;
    this.volumes = volumes;
    this.#directory = parts.directory;
    this.#cluster = parts.cluster;
    const [old, later] = parts.cas;
    if (old === undefined || later === undefined) throw new Error('expected two CAs');
    [this.old, this.new] = [old, later];
  }

  /** Starts a fleet with a replica and a connected agent, whose volumes permit this many renewals. */
  static async start(cluster?: Cluster, permits = 100_000): Promise<RotationFleet> {
    const directory = mkdtempSync(join(tmpdir(), 'certfleet-rotation-'));
    const cas = ['old', 'new'].map((name) => caOf(new TestAuthority(directory, name)));
    const volumes = new RotatingVolumes(cas[0]?.fingerprint ?? '');
    const fleet = await RenewalFleet.start({
      volumes,
      ...(cluster === undefined ? { flags: [`--intent-directory=${join(directory, 'intent')}`] } : { cluster }),
    });
    volumes.permit(permits);
    const rotation = new RotationFleet(fleet, volumes, { directory, cas, cluster });
    await fleet.startReplica('replica-0');
    await fleet.connectAgent('replica-0');
    return rotation;
  }

  /** The agent answers questions about CA certificates from now on. */
  answerQuestions(): void {
    for (const { pem, fingerprint } of [this.old, this.new])
      this.volumes.certificates.set(fingerprint, new X509Certificate(pem).raw);
  }

  /** The rotations as the API shows them. */
  async list(): Promise<readonly Rotation[]> {
    return (await this.fleet.api<{ readonly rotations?: readonly Rotation[] }>('rotations')).body.rotations ?? [];
  }

  async begin(more: object = {}): Promise<void> {
    await eventually('the volumes', async () => (await this.fleet.api<{ total: number }>('volumes')).body.total === 10);
    const json = { name: this.name, from: this.old.pem, to: this.new.pem, reason: 'expires', ...more };
    const { status, body } = await this.fleet.api<object>('rotations', { json });
    if (status !== 202) throw new Error(JSON.stringify(body));
  }

  async act(action: string, json?: object): Promise<Rotation> {
    const init = { method: 'POST', ...(json && { json }) };
    return (await this.fleet.api<Rotation>(`rotations/${this.name}/${action}`, init)).body;
  }

  async shown(): Promise<Rotation> {
    return (await this.fleet.api<Rotation>(`rotations/${this.name}`)).body;
  }

  /** The stored object; undefined if there is none. */
  async stored(): Promise<StoredRotation | undefined> {
    if (this.#cluster === undefined) {
      const path = join(this.#directory, 'intent/carotations', `${this.name}.json`);
      return JSON.parse(readFileSync(path, 'utf8')) as StoredRotation;
    }
    return await this.fleet.objects.get<StoredRotation>({ resource: rotations, name: this.name });
  }

  /** Waits until the rotation is as expected; the agent follows the object, and every pod must trust every CA in use. */
  async until(what: string, isExpected: (rotation: Rotation) => boolean): Promise<Rotation> {
    let last: Rotation | undefined;
    const look = async (): Promise<boolean> => {
      await this.followTrust();
      const shown = await this.shown().catch(() => undefined);
      if (shown?.phase === undefined) return false;
      last = shown;
      return isExpected(shown);
    };
    await eventually(what, look, 90_000).catch((thrown: unknown) => {
      throw new Error(`the rotation was ${JSON.stringify(last)}`, { cause: thrown });
    });
    if (last === undefined) throw new Error('the rotation was never shown');
    return last;
  }

  async followTrust(): Promise<void> {
    if (this.followsTrust) this.volumes.follow((await this.stored().catch(() => undefined))?.status?.trust);
    for (const [id, trusted] of this.volumes.trusted)
      for (const ca of this.volumes.cas)
        if (!trusted.includes(ca)) throw new Error(`${id} does not trust a CA that is in use`);
  }

  /** Kills every replica, loses all data of Redis, and starts another replica. */
  async loseEverything(): Promise<void> {
    const number = this.#replicas;
    for (const name of [...this.fleet.replicas.keys()]) this.fleet.killReplica(name);
    await this.fleet.flush();
    this.#replicas += 1;
    await this.fleet.startReplica(`replica-${number}`);
    await this.fleet.connectAgent(`replica-${number}`);
  }

  /** Redis is lost for good, and the API server and every replica are killed: at once, or the replicas afterwards. */
  async loseEachPart(when: 'at once' | 'replicas later'): Promise<void> {
    const { fleet } = this;
    const apiServer = this.#cluster?.apiServer;
    if (apiServer === undefined) throw new Error('this fleet has no API server');
    const names = [...fleet.replicas.keys()];
    const killReplicas = (): void => {
      for (const name of names) fleet.killReplica(name);
    };
    if (when === 'at once') killReplicas();
    await Promise.all([fleet.replaceRedis(), apiServer.kill().then(() => apiServer.start())]);
    if (when === 'replicas later') {
      await this.#reported();
      killReplicas();
    }
    await Promise.all(names.map((name) => fleet.startReplica(name)));
    await this.#reported();
  }

  /** Waits until Redis has the reports of the node. */
  async #reported(): Promise<void> {
    const isReported = async (): Promise<boolean> => (await this.fleet.storedVolumes()) === 10;
    await eventually('the reports in Redis', isReported, 60_000);
    const isShown = async (): Promise<boolean> =>
      (await this.fleet.api<{ total: number }>('volumes').catch(() => undefined))?.body.total === 10;
    await eventually('the volumes in the API', isShown, 60_000);
  }

  #replicas = 1;

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#cluster !== undefined) await this.#removeRotations();
    await this.fleet[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Also those that their finalizer keeps. */
  async #removeRotations(): Promise<void> {
    const { objects } = this.fleet;
    const all = await objects.list<StoredRotation>({ resource: rotations });
    for (const { metadata } of all) {
      const target = { resource: rotations, name: metadata.name };
      await objects.delete(target);
      await objects.patch(target, { metadata: { finalizers: null } }).catch(() => undefined);
    }
  }
}

function caOf({ files }: TestAuthority): Ca {
  const pem = readFileSync(files.certificateFile, 'utf8');
  return { pem, fingerprint: new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase() };
}
