import type { Scenario, VolumePlan } from './scenario.ts';

const second = 1_000;
const minute = 60 * second;

/** A part of a life whose calls are made to fail, one after another. */
export interface Stage {
  readonly name: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** One volume from its first publish to its end: published, renewed, restored by a restarted agent, unpublished. */
export interface Life {
  readonly scenario: Scenario;
  readonly stages: readonly Stage[];
  /** Whether every way in which a call can fail is tried; it takes four times as many scenarios. */
  readonly isThorough: boolean;
}

/** Renewals come after two thirds of it, and later than the agent keeps a volume that nobody came back for (15 minutes). */
const lifetimeMs = 30 * minute;
const publishMs = 2 * second;
const restartMs = 45 * minute;
/** A certificate of minute 40 has expired by then, with the patience that rule 1 has. */
const unpublishMs = 85 * minute;

const stages: readonly Stage[] = [
  { name: 'publish and renewal', fromMs: publishMs - 1, untilMs: 25 * minute },
  { name: 'restart and renewal', fromMs: restartMs + 1, untilMs: 62 * minute },
  { name: 'unpublish', fromMs: unpublishMs - 1, untilMs: unpublishMs + minute },
];

/** How lives differ. */
interface LifeOptions {
  readonly name: string;
  readonly isThorough?: boolean;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  readonly fsGroup?: string;
  readonly useTokenRequest?: boolean;
  readonly continueOnNotReady?: boolean;
}

/** The lives that are tried, each from the same seed. */
export function lives(seed: number): readonly Life[] {
  return [
    life(seed, { name: 'plain volume', isThorough: true }),
    life(seed, {
      name: 'volume with a kept key and a combined file',
      attributes: { 'reuse-private-key': 'true', 'combined-pem-file': 'both.pem' },
      files: ['both.pem'],
      fsGroup: '2000',
    }),
  ];
}

function life(seed: number, options: LifeOptions): Life {
  return {
    stages,
    isThorough: options.isThorough ?? false,
    scenario: {
      seed,
      name: options.name,
      durationMs: unpublishMs + 2 * minute,
      quietMs: minute,
      hasController: false,
      useTokenRequest: options.useTokenRequest ?? false,
      continueOnNotReady: options.continueOnNotReady ?? false,
      tmpfsBytes: 16 * 1024 * 1024,
      watchPatience: 100,
      issuers: [{ name: 'issuer-0', latencyMs: 20, backdateMs: 0, maxLifetimeMs: Infinity, givesCa: true }],
      volumes: [volume(options)],
      faults: [{ atMs: restartMs, kind: 'kill', downMs: 5 * second, at: undefined }],
    },
  };
}

function volume({ attributes = {}, files = [], fsGroup = '', useTokenRequest = false }: LifeOptions): VolumePlan {
  return {
    name: 'web-0',
    volumeId: 'csi-0',
    namespace: 'shop',
    issuer: 'issuer-0',
    durationMs: lifetimeMs,
    renewBeforeMs: undefined,
    attributes: {
      'issuer-name': 'issuer-0',
      'common-name': 'web-0',
      'key-algorithm': 'ECDSA',
      duration: '30m',
      ...attributes,
    },
    fsGroup,
    files: ['tls.crt', 'tls.key', 'ca.crt', ...files],
    startMs: publishMs,
    endMs: unpublishMs,
    endsAbruptly: false,
    approvalMs: 0,
    republishMs: useTokenRequest ? 12 * minute : undefined,
  };
}
