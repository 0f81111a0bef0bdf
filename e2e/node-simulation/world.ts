import type { HttpRequest } from '@certfleet/shared/kube/api-transport.ts';
import { AgentProcess } from './agent-process.ts';
import type { EndPoint, NodeSurroundings } from './agent-process.ts';
import type { ApiObject } from './api-objects.ts';
import { ApiServer, watchDelayMs } from './api-server.ts';
import type { RequestFault } from './api-server.ts';
import { Controller } from './controller.ts';
import { FaultPoints } from './fault-points.ts';
import { Issuers } from './issuers.ts';
import type { KeyRing } from './key-ring.ts';
import { Kubelet } from './kubelet.ts';
import { MemoryTree } from './memory-tree.ts';
import { Random } from './random.ts';
import { Rules } from './rules.ts';
import type { Fault, Scenario, VolumePlan } from './scenario.ts';
import { MountPoints } from './simulated-mounts.ts';
import { SimulatedTime, WallClocks } from './simulated-time.ts';

const root = '/run/certfleet';
/** The delay of the garbage collector after a pod is gone. */
const collectMs = 30_000;
const gateAnnotation = 'simulated.example/ready';
/** How often the end of the time that a run may take is looked at. */
const stepsBetweenLooks = 256;
const restartAfterCrashMs = 10_000;
/** Longer than an unused volume is kept (15 minutes), and than any pause of the API client. */
const afterLastPodMs = 40 * 60_000;
/** The watch's own timers. */
const timersOfAnIdleAgent = 2;

export type Trace = (line: string) => void;

/** When a run ends before its scenario. */
interface RunLimits {
  readonly maxSteps?: number | undefined;
  readonly isOver?: (() => boolean) | undefined;
}

/** One simulated node and its cluster from a scenario, fully deterministic. */
export class World {
  readonly scenario: Scenario;
  readonly time = new SimulatedTime();
  readonly walls = new WallClocks(this.time);
  readonly tree: MemoryTree;
  readonly mounts: MountPoints;
  readonly server: ApiServer;
  readonly issuers: Issuers;
  readonly kubelet: Kubelet;
  readonly controller: Controller;
  readonly rules: Rules;
  readonly fileFaults = new FaultPoints();
  readonly mountFaults = new FaultPoints();
  readonly trace: Trace;
  /** The number of applied faults. */
  faultsInjected = 0;
  steps = 0;
  readonly #surroundings: NodeSurroundings;
  #agent: AgentProcess | undefined;
  #startsAtMs = 0;
  /** Whether a process has ended within this step: later exceptions of it are ignored. */
  #hasEnded = false;
  #isEnding = false;
  #isOver: () => boolean = () => false;

  constructor(scenario: Scenario, keys: KeyRing, trace: Trace) {
    const random = new Random(scenario.seed).fork('world');
    this.scenario = scenario;
    this.trace = (line) => trace(`${(this.time.nowMs / 1000).toFixed(3)} ${line}`);
    this.tree = new MemoryTree(root, scenario.tmpfsBytes);
    this.mounts = new MountPoints(this.tree);
    const { time, walls, tree, mounts } = this;
    this.server = new ApiServer(time, walls, random.fork('server'));
    this.server.watchPatience = scenario.watchPatience;
    this.server.onChangeLate = () => this.rules.disturb(this.time.nowMs + watchDelayMs);
    const agent = (): AgentProcess | undefined => this.agent;
    this.rules = new Rules({ scenario, time, walls, tree, mounts, volumes: () => this.kubelet.volumes, agent });
    this.issuers = new Issuers({
      server: this.server,
      time,
      walls,
      random: random.fork('issuers'),
      keys,
      plans: scenario.issuers,
    });
    this.kubelet = new Kubelet({
      plans: scenario.volumes,
      time,
      agent,
      listener: this.#tracedListener(),
    });
    const minMs = Math.min(...scenario.volumes.map(({ durationMs }) => durationMs));
    this.controller = new Controller({
      time,
      walls,
      random: random.fork('controller'),
      agent,
      everyMs: Math.min(Math.max(minMs / 40, 200), 600_000),
    });
    this.#surroundings = this.#makeSurroundings(random, keys);
    this.#connect();
  }

  /** The agent that answers calls. */
  get agent(): AgentProcess | undefined {
    return this.#agent?.isServing === true ? this.#agent : undefined;
  }

  /** The agent's process, also while it restores its volumes. */
  get process(): AgentProcess | undefined {
    return this.#agent?.isAlive === true ? this.#agent : undefined;
  }

  /** Runs the scenario to its end, to the first violation, for that many steps, or until `isOver`. */
  async run(
    applyFault: (world: World, fault: Fault) => void,
    { maxSteps = Infinity, isOver = () => false }: RunLimits = {},
  ): Promise<void> {
    this.#isOver = () => this.steps > maxSteps || (this.steps % stepsBetweenLooks === 0 && isOver());
    const { scenario, time, rules } = this;
    const random = Math.random;
    const draw = new Random(scenario.seed).fork('Math.random');
    // Jitter that the agent's code draws where no generator can be passed.
    Math.random = () => draw.next();
    const onRejection = (thrown: unknown): void => this.#crashed(thrown);
    process.on('unhandledRejection', onRejection);
    try {
      this.startAgent();
      this.#planVolumes();
      for (const fault of scenario.faults) time.at(fault.atMs, () => applyFault(this, fault));
      if (scenario.hasController) this.controller.start();
      await this.#runUntil(scenario.durationMs);
      this.#heal();
      await this.#runUntil(scenario.durationMs + scenario.quietMs);
      rules.checkPeace();
      this.#isEnding = true;
      for (const volume of this.kubelet.volumes) if (volume.isWanted) this.kubelet.delete(volume, false);
      await this.#runUntil(time.nowMs + afterLastPodMs);
      rules.checkPeace();
      rules.checkBaseLine(timersOfAnIdleAgent);
    } catch (thrown) {
      if (!(thrown instanceof RunEnded)) throw thrown;
    } finally {
      this.controller.stop();
      this.#agent?.kill();
      process.off('unhandledRejection', onRejection);
      Math.random = random;
    }
  }

  startAgent(): void {
    if (this.process !== undefined) return;
    this.trace('agent starts');
    const agent = new AgentProcess(this.#surroundings);
    this.#agent = agent;
    this.rules.disturb(this.time.nowMs);
    try {
      agent.start();
      this.rules.disturb(this.time.nowMs);
    } catch (thrown) {
      this.trace(`agent could not start: ${String(thrown)}`);
      if (this.#agent === agent && this.#startsAtMs <= this.time.nowMs) this.startAgentAfter(restartAfterCrashMs);
    }
  }

  startAgentAfter(downMs: number): void {
    this.#startsAtMs = this.time.nowMs + downMs;
    this.rules.disturb(this.#startsAtMs);
    this.time.at(this.#startsAtMs, () => {
      if (this.time.nowMs >= this.#startsAtMs) this.startAgent();
    });
  }

  killAgent(downMs: number, at: EndPoint | undefined): void {
    const agent = this.process;
    if (agent === undefined) return;
    if (at === undefined) agent.kill();
    else agent.endAt(at);
    if (at === undefined) this.startAgentAfter(downMs);
  }

  injected(count = 1): void {
    this.faultsInjected += count;
  }

  #connect(): void {
    const { rules, issuers, server, fileFaults, mountFaults } = this;
    rules.watch(issuers);
    const { onFault } = issuers;
    issuers.onFault = (object, fault) => {
      this.injected();
      this.trace(`issuer answers ${fault} to ${object.metadata.name}`);
      onFault?.(object, fault);
    };
    issuers.approvalMs = (object) => this.#planOf(object)?.approvalMs ?? 0;
    server.onList = () => rules.listed();
    server.onEventRefused = () => this.injected();
    server.onChange = (change, object) => {
      if (change.plural !== 'certificaterequests') return;
      this.trace(`request ${object.metadata.name} ${change.type}`);
      rules.requestChanged(change, object);
      if (change.type !== 'ADDED') return;
      issuers.receive(object);
      if (this.#isPodGone(object))
        this.time.after(collectMs, () => server.objects.delete('certificaterequests', object));
    };
    fileFaults.onFault = (call, path, code) => this.#met(`file call ${call} ${path}: ${code}`, path, true);
    mountFaults.onFault = (call, path, code) => this.#met(`mount call ${call} ${path}: ${code}`, path, false);
  }

  #makeSurroundings(random: Random, keys: KeyRing): NodeSurroundings {
    const { time, walls, tree, mounts, server, fileFaults, mountFaults, scenario } = this;
    return {
      time,
      walls,
      tree,
      mounts,
      server,
      keys,
      random: random.fork('agent'),
      fileFaults,
      mountFaults,
      root,
      config: {
        'concurrent-renewals': 4,
        'continue-on-not-ready': scenario.continueOnNotReady,
        'controller-address': scenario.hasController ? 'dns:controller:8443' : undefined,
        'default-duration': 720 * 3_600_000,
        'issuance-timeout': 30_000,
        'node-id': 'node-1',
        rollouts: false,
        'strict-attributes': false,
        'use-token-request': scenario.useTokenRequest,
      },
      gates: scenario.hasGate === true ? [{ kind: 'pod-annotation', key: gateAnnotation }] : [],
      hasEvents: scenario.hasEvents === true,
      log: (line) => this.trace(`log ${line.trim()}`),
      onFileChange: (volumeId) => this.rules.filesChanged(volumeId),
      onRequestFault: (request, fault) => this.#requestFault(request, fault),
      onCrash: (thrown) => this.#crashed(thrown),
      onEnd: () => this.#ended(),
    };
  }

  #planVolumes(): void {
    for (const volume of this.kubelet.volumes) {
      const { startMs, endMs, endsAbruptly } = volume.plan;
      this.time.at(startMs, () => {
        if (this.#isEnding) return;
        if (this.scenario.hasGate === true || volume.plan.addresses !== undefined) this.#addPod(volume.plan);
        this.kubelet.add(volume);
      });
      if (endMs !== Infinity)
        this.time.at(endMs, () => {
          this.trace(`pod of ${volume.id} is deleted`);
          this.kubelet.delete(volume, endsAbruptly);
          this.#collectLater(volume.plan.name);
        });
    }
  }

  /** The pod in the API server; the gate's annotation is added later. */
  #addPod({ name, namespace, volumeId, gateMs = 0, addresses = [] }: VolumePlan): void {
    const { objects } = this.server;
    const metadata = { name, namespace, uid: `uid-${name}`, resourceVersion: '', creationTimestamp: '' };
    const pod = objects.create('pods', { apiVersion: 'v1', kind: 'Pod', metadata }, this.server.nowMs);
    for (const { afterMs, ip } of addresses) {
      this.time.after(afterMs, () => {
        this.trace(`pod of ${volumeId} has the address ${ip}`);
        // Before the change: the agent may act on it at once.
        this.rules.addressChanged(volumeId, ip);
        objects.update('pods', pod, (object) => (object.status = { podIPs: [{ ip }] }));
      });
    }
    this.rules.disturb(this.time.nowMs + gateMs, volumeId);
    this.time.after(gateMs, () =>
      objects.update('pods', pod, ({ metadata }) => (metadata.annotations = { [gateAnnotation]: 'true' })),
    );
  }

  async #runUntil(untilMs: number): Promise<void> {
    await this.time.runUntil(untilMs, () => {
      this.steps += 1;
      this.#hasEnded = false;
      this.rules.check();
      if (this.rules.violation !== undefined || this.#isOver()) throw new RunEnded();
    });
    if (this.rules.violation !== undefined) throw new RunEnded();
  }

  /** No faults from here on. */
  #heal(): void {
    this.trace('all faults end');
    this.fileFaults.heal();
    this.mountFaults.heal();
    this.server.heal();
    this.issuers.heal();
    this.controller.goAway(0);
    this.controller.pause(0);
    this.tree.tmpfsBytes = 1024 * 1024 * 1024;
    for (const party of ['node', 'issuer', 'apiServer'] as const) this.walls.set(party, 0);
    this.rules.disturb(this.time.nowMs + 200_000);
    if (this.process === undefined) this.startAgentAfter(1_000);
  }

  #ended(): void {
    this.trace('agent has ended');
    this.#hasEnded = true;
    this.injected();
    this.kubelet.connectionLost();
    // An end without a planned restart.
    this.time.after(1, () => {
      if (this.process === undefined && this.#startsAtMs <= this.time.nowMs) this.startAgentAfter(restartAfterCrashMs);
    });
  }

  #crashed(thrown: unknown): void {
    if (this.#hasEnded || this.process === undefined) return;
    const stack = thrown instanceof Error ? thrown.stack : String(thrown);
    this.rules.break(7, `unhandled error, which ends the agent: ${stack}`);
  }

  #requestFault(request: HttpRequest, fault: RequestFault): void {
    this.injected();
    this.trace(`${request.method} ${request.path}: ${fault.kind}`);
    const lastsMs = { throttle: 0, slow: 0, 'hang-before': 30_000, 'hang-after': 30_000 } as Record<string, number>;
    const asked =
      fault.kind === 'throttle' ? 1_500 * fault.retryAfterSeconds : fault.kind === 'slow' ? fault.delayMs : 0;
    const name = /web-\d+/.exec(`${request.path} ${request.body ?? ''}`)?.[0];
    const volume = this.scenario.volumes.find((plan) => plan.name === name);
    // A fault of an Event affects no volume, unless the client is throttled.
    if (request.path.includes('/events') && fault.kind !== 'throttle') return;
    // Throttling delays the client's requests for all volumes.
    const hindered = fault.kind === 'throttle' ? undefined : volume?.volumeId;
    this.rules.disturb(this.time.nowMs + asked + (lastsMs[fault.kind] ?? 0), hindered);
  }

  #met(what: string, path: string, isFile: boolean): void {
    this.injected();
    this.trace(what);
    const id = /\/(csi-\d+)(?:\/|$)/.exec(path)?.[1];
    const pod = /\/uid-(web-\d+)\//.exec(path)?.[1];
    const volumeId = id ?? this.scenario.volumes.find(({ name }) => name === pod)?.volumeId;
    this.rules.disturb(this.time.nowMs, volumeId);
    if (isFile)
      for (const [each, state] of this.rules.states)
        if (volumeId === undefined || each === volumeId) state.hadFileFault = true;
  }

  /** Deletes the requests of a removed pod. */
  #collectLater(pod: string): void {
    this.time.after(collectMs, () => {
      for (const object of [...this.server.objects.list('certificaterequests')])
        if (object.metadata.ownerReferences?.[0]?.name === pod)
          this.server.objects.delete('certificaterequests', object);
    });
  }

  #isPodGone(object: ApiObject): boolean {
    const plan = this.#planOf(object);
    return plan !== undefined && this.time.nowMs >= plan.endMs;
  }

  #planOf(object: ApiObject): Scenario['volumes'][number] | undefined {
    const owner = object.metadata.ownerReferences?.[0]?.name;
    return this.scenario.volumes.find(({ name }) => name === owner);
  }

  #tracedListener(): Rules['kubeletListener'] {
    const { kubeletListener: to } = this.rules;
    const traced = (what: string, then: () => void): void => {
      this.trace(what);
      then();
    };
    return {
      onRunning: (volume) => traced(`${volume.id} is published`, () => to.onRunning(volume)),
      onFinalError: (volume, code) => traced(`${volume.id} publish: ${code}`, () => to.onFinalError(volume, code)),
      onUnpublish: (volume) => traced(`${volume.id} unpublish`, () => to.onUnpublish(volume)),
      onUnpublishFailed: (volume) => traced(`${volume.id} unpublish failed`, () => to.onUnpublishFailed(volume)),
      onUnpublished: (volume) => traced(`${volume.id} is unpublished`, () => to.onUnpublished(volume)),
      onOverdue: (volume, call) => to.onOverdue(volume, call),
      onMounted: (volume, tookMs) => to.onMounted(volume, tookMs),
    };
  }
}

class RunEnded extends Error {}
