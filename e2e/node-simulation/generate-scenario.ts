import { formatGoDuration } from '@certfleet/shared/go-duration.ts';
import type { RequestFault, WatchFault } from './api-server.ts';
import type { IssuerFault, IssuerPlan } from './issuers.ts';
import { Random } from './random.ts';
import type { Fault, Scenario, VolumePlan } from './scenario.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** The time scale of a scenario and its certificates: a simulated month has few renewals of a month. */
interface Scale {
  readonly name: string;
  readonly lifetimeMs: readonly [number, number];
  readonly durationMs: readonly [number, number];
  readonly quietMs: number;
  readonly volumes: readonly [number, number];
  readonly faults: readonly [number, number];
  readonly watchPatience: number;
}

const scales: readonly Scale[] = [
  {
    name: 'seconds',
    lifetimeMs: [10 * second, minute],
    durationMs: [5 * minute, 20 * minute],
    quietMs: 8 * minute,
    volumes: [1, 6],
    faults: [5, 80],
    watchPatience: 1,
  },
  {
    name: 'minutes',
    lifetimeMs: [minute, 10 * minute],
    durationMs: [30 * minute, 3 * hour],
    quietMs: 40 * minute,
    volumes: [1, 10],
    faults: [5, 120],
    watchPatience: 1,
  },
  {
    name: 'hours',
    lifetimeMs: [30 * minute, 24 * hour],
    durationMs: [12 * hour, 5 * day],
    quietMs: 30 * hour,
    volumes: [1, 16],
    faults: [5, 160],
    watchPatience: 10,
  },
  {
    name: 'days',
    lifetimeMs: [day, 90 * day],
    durationMs: [20 * day, 120 * day],
    quietMs: 35 * day,
    volumes: [4, 60],
    faults: [10, 160],
    watchPatience: 100,
  },
];

export function generateScenario(seed: number): Scenario {
  const random = new Random(seed);
  const scale = random.pick([...scales, ...scales.slice(0, 3)]);
  const durationMs = random.between(...scale.durationMs);
  const issuers = Array.from({ length: random.integer(1, 3) }, (_, index) =>
    generateIssuer(random.fork(`issuer ${index}`), scale, index),
  );
  const useTokenRequest = random.chance(0.2);
  const approvals = random.pick([0, 0, 0.1, 0.7]);
  const count = random.integer(...scale.volumes);
  const extras = random.fork('extras');
  const hasGate = extras.chance(0.15);
  const hasKeystores = extras.chance(0.3);
  const volumes = Array.from({ length: count }, (_, index) => {
    const needs = { random: random.fork(`volume ${index}`), scale, durationMs, issuers, useTokenRequest, approvals };
    const plan = withExtras(generateVolume(needs, index), { random: extras, hasGate, hasKeystores });
    return withAddress(plan, random.fork(`address ${index}`));
  });
  return {
    seed,
    name: scale.name,
    durationMs,
    quietMs: scale.quietMs,
    hasController: random.chance(0.3),
    useTokenRequest,
    continueOnNotReady: random.chance(0.1),
    hasGate,
    hasEvents: extras.chance(0.5),
    tmpfsBytes: random.chance(0.3) ? count * 48 * 1024 : 16 * 1024 * 1024,
    watchPatience: scale.watchPatience,
    issuers,
    volumes,
    faults: generateFaults({ random: random.fork('faults'), scale, durationMs, issuers, volumes }),
  };
}

function generateIssuer(random: Random, { lifetimeMs: [shortest, longest] }: Scale, index: number): IssuerPlan {
  return {
    name: `issuer-${index}`,
    latencyMs: random.magnitude(1, random.chance(0.1) ? 5_000 : 500),
    backdateMs: random.chance(0.3) ? random.magnitude(second, 2 * longest) : 0,
    maxLifetimeMs: random.chance(0.3) ? random.magnitude(shortest, longest) : Infinity,
    givesCa: random.chance(0.9),
  };
}

interface VolumeRequirements {
  readonly random: Random;
  readonly scale: Scale;
  readonly durationMs: number;
  readonly issuers: readonly IssuerPlan[];
  readonly useTokenRequest: boolean;
  /** How many of the volumes wait for an approver. */
  readonly approvals: number;
}

function generateVolume(needs: VolumeRequirements, index: number): VolumePlan {
  const { random, scale, durationMs: scenarioMs, issuers, useTokenRequest } = needs;
  const durationMs = Math.round(random.magnitude(...scale.lifetimeMs) / second) * second;
  const startMs = random.chance(0.5) ? random.between(0, minute) : random.between(0, scenarioMs * 0.8);
  const staysToTheEnd = random.chance(0.6);
  const name = `web-${index}`;
  const issuer = random.pick(issuers).name;
  const combined = random.chance(0.2) ? ['both.pem'] : [];
  const renewBeforeMs = random.chance(0.3) ? Math.round(durationMs * random.between(0.05, 1.1)) : undefined;
  return {
    name,
    volumeId: `csi-${index}`,
    namespace: random.pick(['shop', 'bank']),
    issuer,
    durationMs,
    renewBeforeMs,
    attributes: {
      'issuer-name': issuer,
      'common-name': name,
      'key-algorithm': 'ECDSA',
      duration: formatGoDuration(durationMs),
      ...(renewBeforeMs === undefined ? {} : { 'renew-before': formatGoDuration(renewBeforeMs) }),
      ...(combined.length === 0 ? {} : { 'combined-pem-file': 'both.pem' }),
      ...(random.chance(0.2) ? { 'reuse-private-key': 'true' } : {}),
    },
    fsGroup: random.chance(0.3) ? '2000' : '',
    files: ['tls.crt', 'tls.key', 'ca.crt', ...combined],
    startMs,
    endMs: staysToTheEnd ? Infinity : startMs + random.between(0, scenarioMs - startMs),
    endsAbruptly: random.chance(0.3),
    approvalMs: random.chance(needs.approvals) ? random.magnitude(10 * second, 8 * hour) : 0,
    republishMs: useTokenRequest ? random.between(0.5, 2) * Math.max(minute, scale.lifetimeMs[0] / 2) : undefined,
  };
}

/** Optional properties of a volume: a keystore, and a gate that its pod meets late. */
function withExtras(
  plan: VolumePlan,
  { random, hasGate, hasKeystores }: { random: Random; hasGate: boolean; hasKeystores: boolean },
): VolumePlan {
  const gateMs = hasGate && random.chance(0.5) ? random.magnitude(100, 30 * minute) : 0;
  if (!hasKeystores || !random.chance(0.3)) return { ...plan, gateMs };
  const isMade = random.chance(0.5);
  const attributes = keystoreAttributes(isMade);
  return {
    ...plan,
    gateMs,
    attributes: { ...plan.attributes, ...attributes },
    files: [...plan.files, 'keystore.p12', ...(isMade ? ['password'] : [])],
    keystore: { file: 'keystore.p12', password: isMade ? { file: 'password' } : { text: 'changeit' } },
  };
}

/** Some volumes use the address of their pod, which it gets late. */
function withAddress(plan: VolumePlan, random: Random): VolumePlan {
  if (!random.chance(0.15)) return plan;
  const address = { afterMs: random.magnitude(100, minute), ip: `10.0.0.${random.integer(1, 250)}` };
  return { ...plan, addresses: [address], attributes: { ...plan.attributes, 'ip-sans': '$POD_IP' } };
}

/** Attributes of a keystore, with a password generated by the agent or given by the user. */
export function keystoreAttributes(isPasswordMade: boolean): Readonly<Record<string, string>> {
  return {
    'pkcs12-enable': 'true',
    ...(isPasswordMade ? { 'pkcs12-password-file': 'password' } : { 'pkcs12-password': 'changeit' }),
  };
}

interface FaultRequirements extends Pick<VolumeRequirements, 'random' | 'scale' | 'durationMs' | 'issuers'> {
  readonly volumes: readonly VolumePlan[];
}

type Draw = (needs: FaultRequirements) => WithoutTime;
type WithoutTime = Fault extends infer Each ? (Each extends Fault ? Omit<Each, 'atMs'> : never) : never;

/** A random length of time: from moments to several lifetimes. */
function spell({ random, scale }: FaultRequirements): number {
  return random.magnitude(Math.min(second, scale.lifetimeMs[0] / 10), scale.lifetimeMs[1] * 1.5);
}

function down({ random }: FaultRequirements): number {
  return random.magnitude(0.5 * second, 2 * minute);
}

function requestFault({ random }: FaultRequirements): RequestFault {
  return random.pick<RequestFault>([
    { kind: 'throttle', retryAfterSeconds: random.integer(1, 120) },
    { kind: 'error', status: random.pick([500, 502, 503, 504]) },
    { kind: 'refuse' },
    { kind: 'reset-before' },
    { kind: 'reset-after' },
    { kind: 'hang-before' },
    { kind: 'hang-after' },
    { kind: 'slow', delayMs: random.magnitude(100, 40 * second) },
  ]);
}

const fileCodes = ['ENOSPC', 'EIO', 'EMFILE'] as const;
const watchFaults: readonly WatchFault[] = ['close', 'gone', 'freeze', 'lose-event', 'duplicate-event', 'delay-events'];
const issuerFaults: readonly IssuerFault[] = [
  'away',
  'silent',
  'deny',
  'fail',
  'wrong-key',
  'garbage',
  'expired',
  'no-ca',
  'slow',
  'other-ca',
];

/** Every kind of fault with its weight. */
const draws: readonly (readonly [weight: number, draw: Draw])[] = [
  [
    10,
    ({ random }) => ({
      kind: 'file',
      code: random.pick(fileCodes),
      skip: Math.floor(random.magnitude(1, 60)) - 1,
      count: random.chance(0.7) ? 1 : random.integer(2, 30),
    }),
  ],
  [1, (needs) => ({ kind: 'tmpfs-full', forMs: spell(needs) })],
  [
    4,
    ({ random }) => ({
      kind: 'mount',
      code: random.pick(['EBUSY', 'EINVAL', 'EIO'] as const),
      skip: random.integer(0, 3),
      count: random.integer(1, 4),
    }),
  ],
  [
    5,
    (needs) => ({
      kind: 'kill',
      downMs: down(needs),
      at: {
        at: needs.random.pick(['file', 'file', 'mount', 'request'] as const),
        after: Math.floor(needs.random.magnitude(1, 80)) - 1,
      },
    }),
  ],
  [2, (needs) => ({ kind: 'kill', downMs: down(needs), at: undefined })],
  [2, (needs) => ({ kind: 'stop', downMs: down(needs) })],
  [0.5, (needs) => ({ kind: 'reboot', downMs: down(needs) })],
  [2, (needs) => ({ kind: 'kubelet-restart', downMs: down(needs) })],
  [2, ({ random, volumes }) => ({ kind: 'kubelet-repeat', volume: random.pick(volumes).volumeId })],
  [1, ({ random, volumes }) => ({ kind: 'move-target', volume: random.pick(volumes).volumeId })],
  [8, (needs) => ({ kind: 'request', fault: requestFault(needs), count: needs.random.integer(1, 3) })],
  [
    2,
    (needs) => ({
      kind: 'api-window',
      fault: requestFault(needs),
      forMs: Math.min(spell(needs), 2 * hour),
      probability: needs.random.pick([0.2, 0.5, 1]),
    }),
  ],
  [1, (needs) => ({ kind: 'events-refused', forMs: spell(needs) })],
  [4, ({ random }) => ({ kind: 'watch', fault: random.pick(watchFaults) })],
  [
    4,
    (needs) => ({
      kind: 'issuer',
      issuer: needs.random.pick(needs.issuers).name,
      fault: needs.random.pick(issuerFaults),
      forMs: spell(needs),
    }),
  ],
  [1, ({ random, issuers }) => ({ kind: 'rotate-ca', issuer: random.pick(issuers).name })],
  [
    2,
    (needs) => ({
      kind: 'clock',
      party: needs.random.pick(['node', 'node', 'issuer', 'apiServer'] as const),
      byMs: needs.random.magnitude(second, 5 * day) * (needs.random.chance(0.5) ? 1 : -1),
      forMs: needs.random.magnitude(second, Math.max(2 * minute, needs.scale.lifetimeMs[1])),
    }),
  ],
  [1, (needs) => ({ kind: 'controller-away', forMs: spell(needs) })],
  [1, (needs) => ({ kind: 'controller-pause', forMs: spell(needs) })],
];

const totalWeight = draws.reduce((sum, [weight]) => sum + weight, 0);

function generateFaults(needs: FaultRequirements): Fault[] {
  const { random, scale, durationMs, volumes } = needs;
  const faults: Fault[] = [];
  for (let count = random.integer(...scale.faults); count > 0; count--) {
    // Half of them are near a volume's start or end, where most steps happen.
    const { startMs, endMs } = random.pick(volumes);
    const near = random.chance(0.5) || endMs > durationMs ? startMs : endMs;
    const atMs = random.chance(0.4) ? near + random.magnitude(1, minute) - 1 : random.between(0, durationMs);
    let left = random.between(0, totalWeight);
    const [, draw] = draws.find(([weight]) => (left -= weight) < 0) ?? random.pick(draws);
    faults.push(Object.assign({ atMs }, draw(needs)));
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}
