import type { CancelTimer } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { Secret } from '@certfleet/shared/secret.ts';
import type { PublishRequest } from '../../apps/node-agent/src/volume/volume-requests.ts';
import type { AgentProcess } from './agent-process.ts';
import type { VolumePlan } from './scenario.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** The kubelet's phase of a pod's volume. */
export type VolumePhase = 'waiting' | 'mounting' | 'running' | 'unmounting' | 'gone';

/** The events of the kubelet, on which the rules are checked. */
export interface KubeletListener {
  /** A publish succeeded: the pod runs from now on. */
  readonly onRunning: (volume: PodVolume) => void;
  /** A publish ended with a code after which the kubelet does not unpublish. */
  readonly onFinalError: (volume: PodVolume, code: string) => void;
  /** An unpublish begins: the pod no longer uses the volume. */
  readonly onUnpublish: (volume: PodVolume) => void;
  readonly onUnpublishFailed: (volume: PodVolume) => void;
  /** An unpublish succeeded. */
  readonly onUnpublished: (volume: PodVolume) => void;
  /** A call exceeded its deadline. */
  readonly onOverdue: (volume: PodVolume, call: string) => void;
  /** The duration of a successful publish. */
  readonly onMounted: (volume: PodVolume, tookMs: number) => void;
}

interface Call {
  readonly name: 'publish' | 'unpublish';
  readonly abort: AbortController;
  readonly cancelDeadline: CancelTimer;
}

/** One inline volume of one pod. */
export class PodVolume {
  readonly plan: VolumePlan;
  phase: VolumePhase = 'waiting';
  /** Whether the pod should run; after its deletion the volume is unmounted. */
  isWanted = false;
  /** Whether the kubelet assumes that something may be mounted. */
  isUncertain = false;
  target: string;
  attempts = 0;
  /** When the pod's volume was first requested. */
  wantedAtMs = 0;
  call: Call | undefined;
  cancelRetry: CancelTimer = () => undefined;

  constructor(plan: VolumePlan) {
    this.plan = plan;
    this.target = targetOf(plan, 'kubelet');
  }

  get id(): string {
    return this.plan.volumeId;
  }
}

/** gRPC's deadline of each call (csiTimeout). */
const callTimeoutMs = 120_000;
/** The kubelet's exponential back-off for operations on a volume. */
const firstRetryMs = 500;
const maxRetryMs = 122_000;

/** After these the kubelet treats the mount as uncertain (kubelet's volumetypes.IsOperationFinishedError). */
const uncertainCodes: ReadonlySet<string> = new Set([
  'cancelled',
  'deadline-exceeded',
  'unavailable',
  'resource-exhausted',
  'aborted',
]);

/** The kubelet: mounts and unmounts the volumes of its pods through the agent, with its own retries. */
export class Kubelet {
  readonly volumes: readonly PodVolume[];
  readonly #time: SimulatedTime;
  readonly #agent: () => AgentProcess | undefined;
  readonly #listener: KubeletListener;
  #isRunning = true;

  constructor(parts: {
    plans: readonly VolumePlan[];
    time: SimulatedTime;
    agent: () => AgentProcess | undefined;
    listener: KubeletListener;
  }) {
    this.volumes = parts.plans.map((plan) => new PodVolume(plan));
    this.#time = parts.time;
    this.#agent = parts.agent;
    this.#listener = parts.listener;
  }

  volume(volumeId: string): PodVolume | undefined {
    return this.volumes.find(({ id }) => id === volumeId);
  }

  /** The pod was scheduled to this node. */
  add(volume: PodVolume): void {
    volume.isWanted = true;
    volume.wantedAtMs = this.#time.nowMs;
    volume.phase = 'mounting';
    this.#publish(volume);
    if (volume.plan.republishMs !== undefined) this.#republish(volume, volume.plan.republishMs);
  }

  /** The pod was deleted. `abruptly` unmounts during a publish, as a restarted kubelet does. */
  delete(volume: PodVolume, abruptly: boolean): void {
    volume.isWanted = false;
    if (volume.call !== undefined && !abruptly) return;
    this.#hangUp(volume);
    this.#settleDeleted(volume);
  }

  /** Repeats a completed operation, as the kubelet does after a restart. */
  repeat(volume: PodVolume): void {
    if (volume.call !== undefined) return;
    if (volume.phase === 'running') this.#publish(volume);
    else if (volume.phase === 'gone') this.#unpublish(volume);
  }

  /** The kubelet restarts: its calls are cancelled, and it treats the volumes on disk as uncertain. */
  restart(downMs: number): void {
    this.#isRunning = false;
    for (const volume of this.volumes) this.#hangUp(volume);
    this.#time.after(downMs, () => {
      this.#isRunning = true;
      for (const volume of this.volumes) this.#reconstruct(volume);
    });
  }

  /** The node restarts: every pod starts again. */
  reboot(downMs: number): void {
    for (const volume of this.volumes) {
      this.#hangUp(volume);
      if (volume.phase !== 'running') continue;
      volume.phase = 'mounting';
      volume.isUncertain = true;
    }
    this.restart(downMs);
  }

  /** The kubelet's directory moves before the volume is mounted. */
  moveTarget(volume: PodVolume): void {
    if (volume.phase === 'mounting' && volume.call === undefined) volume.target = targetOf(volume.plan, 'moved');
  }

  #reconstruct(volume: PodVolume): void {
    volume.attempts = 0;
    if (volume.phase === 'mounting' || volume.phase === 'running') {
      if (volume.isWanted) this.#publish(volume);
      else this.#settleDeleted(volume);
    } else if (volume.phase === 'unmounting') this.#unpublish(volume);
  }

  #settleDeleted(volume: PodVolume): void {
    volume.cancelRetry();
    volume.attempts = 0;
    if (volume.phase === 'running' || volume.isUncertain) {
      volume.phase = 'unmounting';
      this.#unpublish(volume);
    } else if (volume.phase !== 'unmounting') volume.phase = 'gone';
  }

  #republish(volume: PodVolume, everyMs: number): void {
    this.#time.after(everyMs, () => {
      if (!volume.isWanted) return;
      if (volume.phase === 'running' && volume.call === undefined && this.#isRunning) this.#publish(volume);
      this.#republish(volume, everyMs);
    });
  }

  #publish(volume: PodVolume): void {
    this.#call(volume, 'publish', (agent, call) => {
      const startedMs = this.#time.nowMs;
      const context = { signal: call.abort.signal, deadlineMs: agent.clock.monotonic() + callTimeoutMs };
      return agent.publish(this.#request(volume), context).then(() => {
        if (volume.call === call) this.#listener.onMounted(volume, this.#time.nowMs - startedMs);
      });
    });
  }

  #unpublish(volume: PodVolume): void {
    this.#listener.onUnpublish(volume);
    this.#call(volume, 'unpublish', (agent) =>
      agent.manager.unpublish({ volumeId: volume.id, targetPath: volume.target }),
    );
  }

  #call(volume: PodVolume, name: Call['name'], send: (agent: AgentProcess, call: Call) => Promise<void>): void {
    if (!this.#isRunning || volume.call !== undefined) return;
    const agent = this.#agent();
    const abort = new AbortController();
    const cancelDeadline = this.#time.after(callTimeoutMs, () => {
      if (volume.call !== call) return;
      // The agent has the same deadline, so it should have answered by now.
      if (agent?.isAlive === true) this.#listener.onOverdue(volume, name);
      abort.abort();
      this.#ended(volume, call, 'deadline-exceeded');
    });
    const call: Call = { name, abort, cancelDeadline };
    volume.call = call;
    if (agent === undefined) {
      this.#time.after(1, () => this.#ended(volume, call, 'unavailable'));
      return;
    }
    // `connectionLost` ends a call of an agent that dies in between.
    send(agent, call).then(
      () => this.#ended(volume, call, 'ok'),
      (thrown: unknown) => this.#ended(volume, call, asCertfleetError(thrown).code),
    );
  }

  /** The agent's process has ended: none of its calls are answered. */
  connectionLost(): void {
    for (const volume of this.volumes) {
      const { call } = volume;
      if (call === undefined) continue;
      call.cancelDeadline();
      // Later results of the ended process are discarded.
      const lost = { ...call };
      volume.call = lost;
      this.#time.after(1, () => this.#ended(volume, lost, 'unavailable'));
    }
  }

  #ended(volume: PodVolume, call: Call, code: string): void {
    if (volume.call !== call) return;
    call.cancelDeadline();
    volume.call = undefined;
    if (call.name === 'publish') this.#published(volume, code);
    else this.#unpublished(volume, code);
  }

  #published(volume: PodVolume, code: string): void {
    const wasRunning = volume.phase === 'running';
    if (code === 'ok') {
      volume.isUncertain = false;
      volume.attempts = 0;
      volume.phase = 'running';
      if (!wasRunning) this.#listener.onRunning(volume);
    } else if (!wasRunning) {
      volume.isUncertain = uncertainCodes.has(code);
      if (!volume.isUncertain) this.#listener.onFinalError(volume, code);
    }
    if (!volume.isWanted) this.#settleDeleted(volume);
    else if (volume.phase === 'mounting') this.#retry(volume, () => this.#publish(volume));
  }

  #unpublished(volume: PodVolume, code: string): void {
    if (code === 'ok') {
      volume.phase = 'gone';
      volume.attempts = 0;
      this.#listener.onUnpublished(volume);
      return;
    }
    this.#listener.onUnpublishFailed(volume);
    this.#retry(volume, () => this.#unpublish(volume));
  }

  #retry(volume: PodVolume, again: () => void): void {
    const waitMs = Math.min(maxRetryMs, firstRetryMs * 2 ** volume.attempts);
    volume.attempts += 1;
    volume.cancelRetry = this.#time.after(waitMs, again);
  }

  #hangUp(volume: PodVolume): void {
    volume.cancelRetry();
    const { call } = volume;
    if (call === undefined) return;
    volume.call = undefined;
    call.cancelDeadline();
    if (call.name === 'publish' && volume.phase === 'mounting') volume.isUncertain = true;
    call.abort.abort();
  }

  #request({ plan, target }: PodVolume): PublishRequest {
    const token = `{"":{"token":"token-of-${plan.name}-${Math.floor(this.#time.nowMs / 3_600_000)}"}}`;
    return {
      volumeId: plan.volumeId,
      targetPath: target,
      volumeMountGroup: plan.fsGroup,
      secretData: {},
      serviceAccountTokens: plan.republishMs === undefined ? undefined : new Secret(token),
      attributes: {
        'csi.storage.k8s.io/ephemeral': 'true',
        'csi.storage.k8s.io/pod.name': plan.name,
        'csi.storage.k8s.io/pod.namespace': plan.namespace,
        'csi.storage.k8s.io/pod.uid': `uid-${plan.name}`,
        'csi.storage.k8s.io/serviceAccount.name': 'default',
        ...withGroup(plan.attributes),
      },
    };
  }
}

function withGroup(attributes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [`csi.cert-manager.io/${name}`, value] as const),
  );
}

function targetOf({ name }: VolumePlan, directory: string): string {
  return `/var/lib/${directory}/pods/uid-${name}/volumes/kubernetes.io~csi/tls/mount`;
}
