import type { Fault } from './scenario.ts';
import type { World } from './world.ts';

type FaultOf<Kind extends Fault['kind']> = Extract<Fault, { readonly kind: Kind }>;

/** The maximum time until a silent watch is detected and its lost events are recovered. */
const watchRecoveryMs = 240_000;

/** The effect of each fault. */
const actions: { readonly [Kind in Fault['kind']]: (world: World, fault: FaultOf<Kind>) => void } = {
  file: (world, fault) => world.fileFaults.arm({ ...fault, onMet: killLater(world, fault) }),
  mount: (world, fault) => world.mountFaults.arm({ ...fault, onMet: killLater(world, fault) }),
  'tmpfs-full': (world, { forMs }) => {
    const { tree, time, scenario } = world;
    tree.tmpfsBytes = tree.usedBytes;
    world.rules.disturb(time.nowMs + forMs);
    world.injected();
    time.after(forMs, () => (tree.tmpfsBytes = scenario.tmpfsBytes));
  },
  kill: (world, { downMs, at }) => world.killAgent(downMs, at),
  stop: (world, { downMs }) => {
    const agent = world.process;
    if (agent === undefined) return;
    world.startAgentAfter(downMs);
    void agent.stop();
    // The grace period of the pod.
    world.time.after(Math.min(downMs, 30_000), () => agent.kill());
  },
  reboot: (world, { downMs }) => {
    world.process?.kill();
    world.startAgentAfter(downMs);
    world.mounts.clear();
    world.tree.clearTmpfs();
    for (const state of world.rules.states.values()) {
      state.isRunning = false;
      state.signatures.reset();
      state.requests.reset();
    }
    world.kubelet.reboot(downMs);
    world.injected();
  },
  'kubelet-restart': (world, { downMs }) => {
    world.kubelet.restart(downMs);
    world.injected();
  },
  'kubelet-repeat': (world, { volume }) => {
    const found = world.kubelet.volume(volume);
    if (found !== undefined) world.kubelet.repeat(found);
  },
  'move-target': (world, { volume }) => {
    const found = world.kubelet.volume(volume);
    if (found !== undefined) world.kubelet.moveTarget(found);
  },
  request: (world, { fault, count, skip }) => world.server.failNext(fault, count, skip),
  'api-window': (world, { fault, forMs, probability }) => {
    const untilMs = world.time.nowMs + forMs;
    world.server.failUntil(fault, untilMs, probability);
    world.rules.disturb(untilMs);
  },
  'events-refused': (world, { forMs }) => world.server.refuseEvents(world.time.nowMs + forMs),
  watch: (world, { fault }) => {
    world.server.failWatches(fault);
    world.rules.disturb(world.time.nowMs + watchRecoveryMs);
    world.injected();
  },
  issuer: (world, { issuer, fault, forMs }) => {
    const untilMs = world.time.nowMs + forMs;
    world.issuers.fail(issuer, fault, untilMs);
    if (fault === 'no-ca' || fault === 'other-ca') return;
    for (const [id, { plan }] of world.rules.states) if (plan.issuer === issuer) world.rules.disturb(untilMs, id);
  },
  'rotate-ca': (world, { issuer }) => {
    world.issuers.rotate(issuer);
    world.injected();
  },
  clock: (world, { party, byMs, forMs }) => {
    world.walls.set(party, byMs);
    world.injected();
    world.rules.disturb(world.time.nowMs);
    world.time.after(forMs, () => {
      world.walls.set(party, 0);
      world.rules.disturb(world.time.nowMs);
    });
  },
  'controller-away': (world, { forMs }) => world.controller.goAway(world.time.nowMs + forMs),
  'controller-pause': (world, { forMs }) => world.controller.pause(world.time.nowMs + forMs),
};

function killLater(world: World, { killAfterMs }: FaultOf<'file' | 'mount'>): (() => void) | undefined {
  if (killAfterMs === undefined) return undefined;
  return () => void world.time.after(killAfterMs, () => world.killAgent(1_000, undefined));
}

/** Applies a planned fault. */
export function applyFault(world: World, fault: Fault): void {
  world.trace(`fault ${JSON.stringify(fault)}`);
  (actions[fault.kind] as (world: World, fault: Fault) => void)(world, fault);
}
