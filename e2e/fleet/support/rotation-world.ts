import {
  VolumeReport_Cause,
  VolumeReport_KeyType,
  VolumeReport_State,
} from '../../../libs/shared/gen/fleet/v1/fleet.ts';
import type { ServedState } from '../../../libs/fleet-model/src/vocabulary.ts';
import type { IndexedVolume } from '../../../apps/renewal-controller/src/fleet-index/model/indexed-volume.ts';
import { FleetView } from '../../../apps/renewal-controller/src/fleet-index/view/fleet-view.ts';
import { issuerKey } from '../../../apps/renewal-controller/src/fleet-index/model/indexed-volume.ts';
import { renewalNameOf } from '../../../apps/renewal-controller/src/rotations/rotation-object.ts';
import type { RotationObject, Round, Trust } from '../../../apps/renewal-controller/src/rotations/rotation-object.ts';
import { Random, itemAt } from '../../support/random.ts';

export const oldCa = '0a'.repeat(32);
export const newCa = '1b'.repeat(32);
const tickMs = 1_000;

/** A volume as it is on its node. */
interface RealVolume {
  readonly node: string;
  readonly id: string;
  readonly issuer: string;
  readonly isProbed: boolean;
  ca: string;
  trusted: readonly string[];
  generation: number;
  isFailing: boolean;
  /** The CA of the certificate that the pod has loaded. */
  loadedCa: string;
}

interface SimulatedNode {
  readonly volumes: Map<string, RealVolume>;
  /** The trust that the agent has seen. */
  trust: Trust | undefined;
  silentUntil: number;
  /** Until then the agent has no access to the API server: it sees no rotation, and issues nothing. */
  offlineUntil: number;
  /** Reports on their way, in order; undefined for a removed volume. */
  readonly reports: { readonly at: number; readonly id: string; readonly volume: IndexedVolume | undefined }[];
  /** When the snapshot after a loss of Redis arrives; undefined if it has. */
  snapshotAt: number | undefined;
}

interface SimulatedRenewal {
  readonly targets: Map<RealVolume, number>;
  isSuspended: boolean;
  isCompleted: boolean;
}

export interface WorldOptions {
  readonly nodes: number;
  readonly volumes: number;
  readonly issuers: number;
  readonly seed: number;
}

/** A fleet in memory: nodes with agents, issuers, an index and the Renewals of one rotation; time passes in ticks. */
export class RotationWorld {
  readonly random: Random;
  readonly view = new FleetView();
  readonly nodes = new Map<string, SimulatedNode>();
  readonly issuers = new Map<string, string>();
  readonly renewals = new Map<string, SimulatedRenewal>();
  readonly #pace: number;
  tick = 0;
  issuances = 0;
  lostRedisAt = -100;
  failureRate = 0.02;
  /** Probability that a pod loads a new certificate in a tick. */
  loadRate = 0.5;
  #nextId = 0;

  constructor({ nodes, volumes, issuers, seed }: WorldOptions) {
    this.random = new Random('rotation', seed);
    this.#pace = Math.max(5, Math.ceil(volumes / 20));
    for (let i = 0; i < issuers; i += 1) this.issuers.set(`ca-${i}`, oldCa);
    for (let i = 0; i < nodes; i += 1)
      this.nodes.set(`node-${i}`, {
        volumes: new Map(),
        trust: undefined,
        silentUntil: 0,
        offlineUntil: 0,
        reports: [],
        snapshotAt: 0,
      });
    for (let i = 0; i < volumes; i += 1) this.addVolume(`node-${i % nodes}`, undefined);
    this.#deliver();
  }

  get nowMs(): number {
    return this.tick * tickMs;
  }

  chance(probability: number): boolean {
    return this.random.next() < probability;
  }

  *volumes(): Generator<RealVolume> {
    for (const { volumes } of this.nodes.values()) yield* volumes.values();
  }

  isComplete(node: string): boolean {
    return this.nodes.get(node)?.snapshotAt === undefined && this.nodes.has(node);
  }

  /** Connected nodes whose snapshot has not arrived; Redis has no other ones. */
  get incomplete(): readonly string[] {
    const isConnected = ({ silentUntil }: SimulatedNode): boolean => silentUntil <= this.tick;
    return [...this.nodes].flatMap(([name, node]) =>
      node.snapshotAt !== undefined && isConnected(node) ? [name] : [],
    );
  }

  addVolume(nodeName: string, trust: Trust | undefined): void {
    const node = this.#node(nodeName);
    if (node.offlineUntil > this.tick) return;
    // An issuance needs the API server, and reads the rotations there.
    node.trust = trust;
    const issuer = itemAt([...this.issuers.keys()], this.#nextId % this.issuers.size);
    const ca = this.issuers.get(issuer) ?? oldCa;
    const isProbed = this.chance(0.3);
    const id = `csi-${this.#nextId++}`;
    const volume = { node: nodeName, id, issuer, isProbed, ca, generation: 1, isFailing: false, loadedCa: ca };
    node.volumes.set(id, { ...volume, trusted: [] });
    this.#applyTrust(node);
    this.#report(node, id);
  }

  removeVolume(nodeName: string): void {
    const node = this.#node(nodeName);
    const [id] = node.volumes.keys();
    if (id === undefined) return;
    node.volumes.delete(id);
    this.#report(node, id);
  }

  /** Redis loses everything; each node reports again after some ticks. */
  loseRedis(): void {
    this.lostRedisAt = this.tick;
    this.view.keepOnly(new Set());
    for (const node of this.nodes.values()) {
      node.reports.length = 0;
      node.snapshotAt = this.tick + this.random.between(1, 8);
    }
  }

  /** Creates, suspends and removes the Renewals that a stored status demands. */
  syncRenewals(object: RotationObject, held: ReadonlySet<number> | 'all' | 'unchanged'): void {
    const rounds = object.status?.rounds ?? [];
    const names = new Map(rounds.map((round) => [renewalNameOf(object, round), round]));
    for (const name of this.renewals.keys()) if (!names.has(name)) this.renewals.delete(name);
    for (const [name, round] of names) {
      const known = this.renewals.get(name) ?? this.#newRenewal(object, round);
      if (held !== 'unchanged') known.isSuspended = held === 'all' || held.has(round.number);
      this.renewals.set(name, known);
    }
  }

  #newRenewal({ spec, status }: RotationObject, round: Round): SimulatedRenewal {
    const targets = new Map<RealVolume, number>();
    for (const seen of this.view.volumes()) {
      const real = this.#node(seen.node).volumes.get(seen.volumeId);
      const isNamed = round.volumes?.some((key) => key.node === seen.node && key.volumeId === seen.volumeId) ?? true;
      const isOfCa =
        round.volumes !== undefined || seen.certificate?.caFingerprints.includes(round.caFingerprint ?? '');
      const isOfIssuer = round.issuer === undefined || issuerKey(seen.issuer) === round.issuer;
      const isOfNode =
        status?.direction === 'Backward' || spec.selection?.node === undefined || spec.selection.node === seen.node;
      if (real !== undefined && isNamed && isOfCa === true && isOfIssuer && isOfNode)
        targets.set(real, seen.generation);
    }
    return { targets, isSuspended: false, isCompleted: false };
  }

  /** One tick of all agents: trust, renewals, pods and reports. */
  advance(trust: Trust | undefined): void {
    this.tick += 1;
    for (const node of this.nodes.values()) {
      const isReachable = node.offlineUntil <= this.tick && this.chance(0.3);
      if (isReachable) node.trust = trust;
      if (isReachable) this.#applyTrust(node);
      this.#load(node);
    }
    for (const renewal of this.renewals.values()) this.#renew(renewal, trust);
    this.#deliver();
  }

  #renew(renewal: SimulatedRenewal, trust: Trust | undefined): void {
    if (renewal.isSuspended) return;
    let started = 0;
    const isAway = ({ silentUntil, offlineUntil }: SimulatedNode): boolean =>
      Math.max(silentUntil, offlineUntil) > this.tick;
    for (const [volume, generation] of renewal.targets) {
      if (started >= this.#pace) break;
      const node = this.#node(volume.node);
      if (volume.generation !== generation || !node.volumes.has(volume.id) || isAway(node)) continue;
      started += 1;
      node.trust = trust;
      this.#issue(node, volume);
    }
    const isOpen = ([volume, generation]: readonly [RealVolume, number]): boolean => {
      const seen = this.view.volume(volume.node, volume.id);
      return seen === undefined ? !this.isComplete(volume.node) : seen.generation === generation;
    };
    renewal.isCompleted ||= ![...renewal.targets].some(isOpen);
  }

  #issue(node: SimulatedNode, volume: RealVolume): void {
    volume.isFailing = this.chance(this.failureRate);
    if (!volume.isFailing) {
      this.issuances += 1;
      volume.generation += 1;
      volume.ca = this.issuers.get(volume.issuer) ?? oldCa;
    }
    this.#applyTrust(node);
    this.#report(node, volume.id);
  }

  /** The roots of a volume's own issuance always stay. */
  #applyTrust(node: SimulatedNode): void {
    const { trust } = node;
    for (const volume of node.volumes.values()) {
      const isConcerned = trust?.state === 'Add' && trust.fingerprints.includes(volume.ca);
      const trusted = isConcerned ? [oldCa, newCa] : [volume.ca];
      if (trusted.join() === volume.trusted.join()) continue;
      volume.trusted = trusted;
      this.#report(node, volume.id);
    }
  }

  #load(node: SimulatedNode): void {
    for (const volume of node.volumes.values()) {
      if (volume.loadedCa === volume.ca || !(volume.isProbed ? this.chance(this.loadRate) : true)) continue;
      volume.loadedCa = volume.ca;
      this.#report(node, volume.id);
    }
  }

  #report(node: SimulatedNode, id: string): void {
    const real = node.volumes.get(id);
    const at = Math.max(node.reports.at(-1)?.at ?? 0, this.tick + this.random.between(0, 2));
    node.reports.push({ at, id, volume: real && indexed(real) });
  }

  #deliver(): void {
    const seen = new Map<string, number>();
    for (const [name, node] of this.nodes) {
      const isSilent = node.silentUntil > this.tick;
      if (isSilent && node.snapshotAt !== undefined) continue;
      // A node is silent after three ticks without a heartbeat.
      seen.set(name, isSilent ? this.nowMs - 10 * tickMs : this.nowMs);
      if (isSilent) continue;
      if (node.snapshotAt !== undefined && node.snapshotAt <= this.tick) this.#snapshot(name, node);
      while (node.snapshotAt === undefined && (node.reports[0]?.at ?? Infinity) <= this.tick) {
        const { id, volume } = node.reports.shift() ?? { id: '', volume: undefined };
        this.view.set(name, id, volume);
      }
    }
    this.view.setSeen(seen);
  }

  #snapshot(name: string, node: SimulatedNode): void {
    node.snapshotAt = undefined;
    node.reports.length = 0;
    const volumes = new Map([...node.volumes.values()].map((real) => [real.id, indexed(real)]));
    this.view.replaceNode(name, { agentVersion: '1', connectedTo: 'one' }, volumes);
  }

  #node(name: string): SimulatedNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`there is no ${name}`);
    return node;
  }
}

function indexed({
  node,
  id,
  issuer,
  isProbed,
  ca,
  trusted,
  generation,
  isFailing,
  loadedCa,
}: RealVolume): IndexedVolume {
  const served: ServedState = loadedCa === ca ? 'served' : 'not-loaded';
  const times = { notBeforeMs: 0, notAfterMs: 3_600_000 + generation, renewAtMs: 2_400_000, issuedAtMs: 0 };
  return {
    ...{ node, volumeId: id, namespace: 'shop', pod: `pod-${id}`, podUid: id, generation },
    issuer: { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name: issuer },
    state: VolumeReport_State.READY,
    keyType: VolumeReport_KeyType.ECDSA,
    cause: VolumeReport_Cause.JOB,
    certificate: {
      ...{ serial: '01', fingerprint: '', ...times, caFingerprints: [ca] },
      ...{ subject: '', dnsNames: [], uris: [], ipAddresses: [] },
    },
    ...(trusted.length > 1 && { additionalCaFingerprints: trusted.filter((each) => each !== ca) }),
    ...(isProbed && { served }),
    ...(isFailing && {
      failure: { atMs: 1, reason: 'IssuerFailed', message: 'the issuer is unavailable', attempts: 1 },
    }),
  };
}
