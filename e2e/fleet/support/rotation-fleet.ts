import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rotationLabel } from '../../../apps/renewal-controller/src/rotations/rotation-object.ts';
import type { Rotation } from '../../../libs/operator-api/src/rotations.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { TestAuthority } from '../../support/test-authority.ts';
import { certfleetResource } from './cluster-objects.ts';
import { eventually } from './eventually.ts';
import { reportOf } from './operated-fleet.ts';
import { RenewalFleet } from './renewal-fleet.ts';
import { RotatingVolumes } from './rotating-volumes.ts';
import type { AgentTrust } from './rotating-volumes.ts';

/** Where the objects of a fleet are, and the volumes of one of its issuers. */
interface Place {
  /** The API server, or the directory of the files. */
  readonly objects: Cluster | string;
  /** Of the rotation. */
  readonly name: string;
  readonly node: string;
}

interface Ca {
  readonly pem: string;
  readonly fingerprint: string;
}

/** The used fields of a CARotation object. */
export interface StoredRotation {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
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
  name: string;
  readonly #place: Place;
  /** False: the agent does not see the rotation. */
  followsTrust = true;

  private constructor(fleet: RenewalFleet, volumes: RotatingVolumes, parts: Cas & Place) {
    this.fleet = fleet;
    this.volumes = volumes;
    this.name = parts.name;
    this.old = parts.old;
    this.new = parts.new;
    this.#place = parts;
  }

  /** Starts a fleet with a replica and a connected agent, whose volumes permit this many renewals. */
  static async start(cluster?: Cluster, permits = 100_000): Promise<RotationFleet> {
    const cas = createCas();
    const objects = cluster ?? mkdtempSync(join(tmpdir(), 'certfleet-rotation-'));
    const volumes = new RotatingVolumes(cas.old.fingerprint);
    const fleet = await RenewalFleet.start({
      volumes,
      ...(typeof objects === 'string' ? { flags: [`--intent-directory=${objects}`] } : { cluster: objects }),
    });
    volumes.permit(permits);
    const rotation = new RotationFleet(fleet, volumes, { ...cas, objects, name: 'corporate', node: 'node-a' });
    await fleet.startReplica('replica-0');
    await fleet.connectAgent('replica-0');
    return rotation;
  }

  /** The rotation of another issuer of the fleet, whose volumes are on another node. */
  async another(name: string, node: 'node-b' | 'node-c'): Promise<RotationFleet> {
    const cas = createCas();
    const volumes = new RotatingVolumes(cas.old.fingerprint);
    for (const id of this.volumes.ids()) volumes.set(id, reportOf(id, { issuer: name }));
    volumes.permit(100_000);
    await this.fleet.connectAgent('replica-0', node, volumes);
    return new RotationFleet(this.fleet, volumes, { ...cas, objects: this.#place.objects, name, node });
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
    await eventually('the volumes', () => this.#isShown());
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
    const { objects } = this.#place;
    if (typeof objects === 'string') {
      const path = join(objects, 'carotations', `${this.name}.json`);
      return JSON.parse(readFileSync(path, 'utf8')) as StoredRotation;
    }
    return await this.fleet.objects.get<StoredRotation>({ resource: rotations, name: this.name });
  }

  /** The Renewals of this rotation in the API server. */
  async renewals(): Promise<readonly unknown[]> {
    const uid = (await this.stored())?.metadata.uid ?? '';
    const query = { labelSelector: `${rotationLabel}=${uid}` };
    return await this.fleet.objects.list({ resource: certfleetResource('renewals'), query });
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
    await eventually(what, look, { limitMs: 90_000, betweenMs: 200 }).catch((thrown: unknown) => {
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
    const { objects } = this.#place;
    if (typeof objects === 'string') throw new Error('this fleet has no API server');
    const { apiServer } = objects;
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
    await eventually('the volumes in the API', () => this.#isShown(), 60_000);
  }

  async #isShown(): Promise<boolean> {
    const shown = await this.fleet.api<{ total: number }>(`volumes?node=${this.#place.node}`).catch(() => undefined);
    return shown?.body.total === 10;
  }

  #replicas = 1;

  async [Symbol.asyncDispose](): Promise<void> {
    const { objects } = this.#place;
    if (typeof objects !== 'string') await this.#removeRotations();
    await this.fleet[Symbol.asyncDispose]();
    if (typeof objects === 'string') rmSync(objects, { recursive: true, force: true });
  }

  /** All of the fleet, also those that their finalizer keeps. */
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

/** The CA that is replaced, and its successor. */
interface Cas {
  readonly old: Ca;
  readonly new: Ca;
}

function createCas(): Cas {
  const directory = mkdtempSync(join(tmpdir(), 'certfleet-cas-'));
  const create = (name: string): Ca => caOf(new TestAuthority(directory, name));
  const cas = { old: create('old'), new: create('new') };
  rmSync(directory, { recursive: true });
  return cas;
}

function caOf({ files }: TestAuthority): Ca {
  const pem = readFileSync(files.certificateFile, 'utf8');
  return { pem, fingerprint: new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase() };
}
