import type { AgentProcess } from './agent-process.ts';
import type { ApiChange, ApiObject } from './api-objects.ts';
import type { Issuers } from './issuers.ts';
import type { KubeletListener, PodVolume } from './kubelet.ts';
import type { MemoryTree } from './memory-tree.ts';
import { lookThrough, showsVolume } from './pod-view.ts';
import type { Scenario } from './scenario.ts';
import type { MountPoints } from './simulated-mounts.ts';
import { epochMs } from './simulated-time.ts';
import type { SimulatedTime, WallClocks } from './simulated-time.ts';
import { Allowance, VolumeState } from './volume-state.ts';

export interface Violation {
  /** Number of the invariant in README.md. */
  readonly invariant: number;
  readonly message: string;
  readonly atMs: number;
}

/** Limit of existing requests of one volume in the API. */
const maxRequestsLeft = 40;
/** The same limit after a time without faults. */
const maxRequestsInPeace = 4;
/** Limit of lists and watches of one agent: each connection lasts minutes, and failures must back off. */
const maxLists = 80;
const listEveryMs = 1_000;
/** Time limit of a certificate with a new address; shorter than the time to the next renewal. */
const readdressMs = 8 * 60_000;
/** Time limit to restore a volume that could not be read at the start. */
const restoreMs = 90_000;
/** Time limit of a mount in addition to its issuer's delay. */
const mountReserveMs = 8_000;

export interface RulesParts {
  readonly scenario: Scenario;
  readonly time: SimulatedTime;
  readonly walls: WallClocks;
  readonly tree: MemoryTree;
  readonly mounts: MountPoints;
  readonly volumes: () => readonly PodVolume[];
  readonly agent: () => AgentProcess | undefined;
}

/** The invariants, checked after each step and at the end. The first violation is kept. */
export class Rules {
  readonly #parts: RulesParts;
  readonly states: ReadonlyMap<string, VolumeState>;
  violation: Violation | undefined;
  /** The number of signed certificates. */
  signed = 0;
  /** Sum of the time in milliseconds that pods ran with a volume. */
  volumeMs = 0;
  #checkedMs = 0;
  readonly #lists = new Allowance(maxLists);

  constructor(parts: RulesParts) {
    this.#parts = parts;
    const issuers = new Map(parts.scenario.issuers.map((issuer) => [issuer.name, issuer]));
    this.states = new Map(
      parts.scenario.volumes.map((plan) => {
        const issuer = issuers.get(plan.issuer);
        if (issuer === undefined) throw new Error(`the scenario has no issuer ${plan.issuer}`);
        return [plan.volumeId, new VolumeState(plan, issuer)];
      }),
    );
  }

  break(invariant: number, message: string): void {
    this.violation ??= { invariant, message, atMs: this.#parts.time.nowMs };
  }

  /** A fault affects these volumes, all by default, until a time. */
  disturb(untilMs: number, volumeId?: string): void {
    if (volumeId !== undefined) this.states.get(volumeId)?.disturb(untilMs);
    else for (const state of this.states.values()) state.disturb(untilMs);
  }

  /** The pod has another address, which its certificate must contain soon. */
  addressChanged(volumeId: string, address: string): void {
    const state = this.states.get(volumeId);
    if (state !== undefined) state.address = address;
    this.disturb(this.#parts.time.nowMs, volumeId);
  }

  /** Checks the results of the kubelet's calls. */
  readonly kubeletListener: KubeletListener = {
    onRunning: (volume) => this.#running(volume),
    onFinalError: (volume, code) => this.#finalError(volume, code),
    onUnpublish: (volume) => {
      const state = this.#state(volume);
      state.isRunning = false;
      state.hadFileFault = false;
    },
    onUnpublishFailed: (volume) => this.#unpublishFailed(volume),
    onUnpublished: (volume) => this.#unpublished(volume),
    onOverdue: (volume, call) => this.break(6, `${call} of ${volume.id} was not answered within its deadline`),
    onMounted: (volume, tookMs) => this.#mounted(volume, tookMs),
  };

  /** Observes issuances and requests. */
  watch(issuers: Issuers): void {
    issuers.onSigned = ({ object }) => {
      this.signed += 1;
      const state = this.#stateOf(object);
      if (state?.signatures.exceeds(this.#parts.time.nowMs, state.signatureEveryMs) === true)
        this.break(5, `too many certificates were signed for ${state.plan.volumeId}`);
    };
    issuers.onFault = (object, fault) => {
      const state = this.#stateOf(object);
      if (state === undefined) return;
      if (['deny', 'fail', 'wrong-key', 'garbage', 'expired'].includes(fault)) state.hadTerminalFailure = true;
      if (fault === 'silent') state.wasIgnored = true;
    };
  }

  /** A CertificateRequest was created or deleted. */
  requestChanged({ type }: ApiChange, object: ApiObject): void {
    const state = this.#stateOf(object);
    if (state === undefined || type === 'MODIFIED') return;
    state.requestsLeft += type === 'ADDED' ? 1 : -1;
    if (type === 'DELETED') return;
    const { volumeId } = state.plan;
    if (state.requestsLeft > maxRequestsLeft) this.break(5, `${state.requestsLeft} requests of ${volumeId} are left`);
    if (state.requests.exceeds(this.#parts.time.nowMs, state.requestEveryMs))
      this.break(5, `too many requests were made for ${volumeId}`);
  }

  /** The agent lists or watches. */
  listed(): void {
    if (this.#lists.exceeds(this.#parts.time.nowMs, listEveryMs))
      this.break(5, 'the agent lists or watches without back-off');
  }

  /** Files of a volume have changed: its pod may read them at this moment. */
  filesChanged(volumeId: string): void {
    const state = this.states.get(volumeId);
    const volume = this.#volume(volumeId);
    if (state?.isRunning === true && volume !== undefined) this.#look(volume, state);
  }

  /** After each step. */
  check(): void {
    const { time } = this.#parts;
    const elapsedMs = time.nowMs - this.#checkedMs;
    this.#checkedMs = time.nowMs;
    for (const volume of this.#parts.volumes()) {
      const state = this.#state(volume);
      if (state.isRunning) {
        this.volumeMs += elapsedMs;
        this.#checkRunning(volume, state);
      } else if (volume.phase === 'mounting' && volume.isWanted) this.#checkWaiting(volume, state);
    }
  }

  /** After a time without faults. */
  checkPeace(): void {
    for (const { plan, requestsLeft } of this.states.values())
      if (requestsLeft > maxRequestsInPeace)
        this.break(5, `${requestsLeft} requests of ${plan.volumeId} are left after a time without faults`);
    const { tree } = this.#parts;
    const leftovers = [...tree.get(tree.tmpfsPath, 'stat').entries.keys()].filter((name) => name.startsWith('..'));
    if (leftovers.length > 0) this.break(4, `leftovers on the tmpfs: ${leftovers.join(', ')}`);
  }

  /** After all pods have been gone for a time. */
  checkBaseLine(timersOfAnIdleAgent: number): void {
    const agent = this.#parts.agent();
    if (agent === undefined) return;
    const counts = {
      volumes: [...agent.manager.volumes()].length,
      'waiting requests': agent.waitingRequests,
      'open files': agent.openFiles,
      timers: Math.max(0, agent.clock.timers - timersOfAnIdleAgent),
    };
    for (const [what, count] of Object.entries(counts))
      if (count > 0) this.break(7, `${count} ${what} more than at the start, without volumes`);
  }

  #checkRunning(volume: PodVolume, state: VolumeState): void {
    const { agent, walls } = this.#parts;
    const isExpired = state.notAfterMs === undefined || state.notAfterMs <= walls.trueMs - 1_000;
    const clearMs = Math.min(this.#clearMs(state), this.#parts.time.nowMs - state.runningSinceMs);
    if (isExpired && clearMs > state.patienceMs(state.notAfterMs && walls.trueMs - state.notAfterMs)) {
      const when = state.notAfterMs === undefined ? 'is none' : `expired at ${(state.notAfterMs - epochMs) / 1000} s`;
      this.break(1, `the certificate of ${volume.id} ${when}, although nothing prevented its renewal`);
    }
    const hasAddress = state.address === undefined || state.names === `IP Address:${state.address}`;
    if (!hasAddress && clearMs > readdressMs)
      this.break(9, `the certificate of ${volume.id} has ${state.names}, and its pod the address ${state.address}`);
    const process = agent();
    if (process?.manager.volume(volume.id) === undefined && clearMs > restoreMs)
      this.break(3, `the agent does not know the published volume ${volume.id}`);
  }

  #checkWaiting(volume: PodVolume, state: VolumeState): void {
    if (state.plan.approvalMs > 0) return;
    const waitedMs = this.#parts.time.nowMs - volume.wantedAtMs;
    if (Math.min(waitedMs, this.#clearMs(state)) > state.mountPatienceMs)
      this.break(3, `the pod of ${volume.id} waits although nothing prevents its mount`);
  }

  /** How long the volume has been without faults. */
  #clearMs(state: VolumeState): number {
    const { agent, walls, time } = this.#parts;
    const isHindered = agent() === undefined || !state.isServed || walls.skewMs > Math.max(1_000, state.slackMs / 20);
    return isHindered ? 0 : time.nowMs - state.clearSinceMs;
  }

  #running(volume: PodVolume): void {
    const state = this.#state(volume);
    state.isRunning = true;
    state.runningSinceMs = this.#parts.time.nowMs;
    state.keystorePassword = undefined;
    state.wasComplete = !this.#parts.scenario.continueOnNotReady && volume.plan.addresses === undefined;
    this.#look(volume, state);
  }

  #look(volume: PodVolume, state: VolumeState): void {
    const { mounts, tree } = this.#parts;
    const mount = mounts.at(volume.target);
    const { problem, notAfterMs, names, keystorePassword } = lookThrough(mount, volume.plan);
    Object.assign(state, { notAfterMs, names });
    if (problem === '') this.#checkAddress(volume, names);
    if (keystorePassword !== undefined && keystorePassword !== (state.keystorePassword ??= keystorePassword))
      this.break(8, `the password of the keystore of ${volume.id} changed while its pod was running`);
    if (problem === '') state.wasComplete = true;
    else if (state.wasComplete) this.break(this.#isNew(state) ? 2 : 8, `the pod of ${volume.id} runs, and ${problem}`);
    if (mount !== undefined && !showsVolume(mount, tree, volume.id))
      this.break(8, `the pod of ${volume.id} sees another directory than the one that the agent writes to`);
  }

  #checkAddress({ id, plan: { addresses } }: PodVolume, names: string | undefined): void {
    const hasAddress = addresses?.some(({ ip }) => names === `IP Address:${ip}`) ?? true;
    if (!hasAddress) this.break(9, `the certificate of ${id} lacks the address of its pod: ${names}`);
  }

  #isNew({ runningSinceMs }: VolumeState): boolean {
    return runningSinceMs === this.#parts.time.nowMs;
  }

  #finalError(volume: PodVolume, code: string): void {
    const state = this.#state(volume);
    const { tree, agent } = this.#parts;
    if (state.hadFileFault || agent() === undefined) return;
    const left = tree.ownedBy(volume.id);
    if (left.length > 0)
      this.break(
        4,
        `${left.join(', ')} of ${volume.id} is kept after ${code}, after which the kubelet forgets the volume`,
      );
  }

  #unpublishFailed(volume: PodVolume): void {
    const state = this.#state(volume);
    const { tree, agent } = this.#parts;
    if (state.hadFileFault || agent() === undefined) return;
    const root = tree.tmpfsPath;
    const keys = tree.ownedBy(volume.id).filter((path) => {
      return tree.get(`${root}${path}`, 'read').content.includes('PRIVATE KEY');
    });
    if (keys.length > 0)
      this.break(4, `an unpublish of ${volume.id} failed, and its key is left in ${keys.join(', ')}`);
  }

  #unpublished(volume: PodVolume): void {
    const { tree, mounts } = this.#parts;
    const left = tree.ownedBy(volume.id);
    if (left.length > 0) this.break(4, `${volume.id} was unpublished, but ${left.join(', ')} is left`);
    const isOfPod = (path: string): boolean => path.includes(`/uid-${volume.plan.name}/`);
    const mounted = mounts.targets.filter(isOfPod);
    if (mounted.length > 0) this.break(4, `${volume.id} was unpublished, but is mounted at ${mounted.join(', ')}`);
    if (exists(tree, volume.target)) this.break(4, `${volume.id} was unpublished, but its target is left`);
  }

  #mounted(volume: PodVolume, tookMs: number): void {
    const state = this.#state(volume);
    const limitMs = 2 * (state.issuer.latencyMs + state.plan.approvalMs) + mountReserveMs;
    if (this.#clearMs(state) > tookMs && tookMs > limitMs)
      this.break(6, `a publish of ${volume.id} took ${tookMs} ms without a fault`);
  }

  #state({ id }: PodVolume): VolumeState {
    const state = this.states.get(id);
    if (state === undefined) throw new Error(`the scenario has no volume ${id}`);
    return state;
  }

  #volume(volumeId: string): PodVolume | undefined {
    return this.#parts.volumes().find(({ id }) => id === volumeId);
  }

  #stateOf({ metadata }: ApiObject): VolumeState | undefined {
    const owner = metadata.ownerReferences?.[0]?.name;
    for (const state of this.states.values()) if (state.plan.name === owner) return state;
    return undefined;
  }
}

function exists(tree: MemoryTree, path: string): boolean {
  try {
    return tree.find(path, 'stat').inode !== undefined;
  } catch {
    return false;
  }
}
