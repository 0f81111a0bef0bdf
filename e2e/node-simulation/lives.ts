import { keystoreAttributes } from './generate-scenario.ts';
import type { KeystorePlan, Scenario, VolumePlan } from './scenario.ts';

const second = 1_000;
const minute = 60 * second;

/** A part of a life whose calls fail one after another. */
export interface Stage {
  readonly name: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** One volume from its first publish to its end: published, renewed, restored by a restarted agent, unpublished. */
export interface Life {
  readonly scenario: Scenario;
  readonly stages: readonly Stage[];
  /** Whether all errors of a call are tried, which takes four times as many scenarios. */
  readonly isThorough: boolean;
}

/** Renewals come after two thirds of it, which is later than the agent keeps an unused volume (15 minutes). */
const lifetimeMs = 30 * minute;
const publishMs = 2 * second;
const restartMs = 45 * minute;
/** A certificate from minute 40 has expired by then, including the tolerance of rule 1. */
const unpublishMs = 85 * minute;

const firstStage: Stage = { name: 'publish and renewal', fromMs: publishMs - 1, untilMs: 25 * minute };
const allStages: readonly Stage[] = [
  firstStage,
  { name: 'restart and renewal', fromMs: restartMs + 1, untilMs: 62 * minute },
  { name: 'unpublish', fromMs: unpublishMs - 1, untilMs: unpublishMs + minute },
];

/** The variants of lives. */
interface LifeOptions {
  readonly name: string;
  readonly isThorough?: boolean;
  /** The stages that differ from other lives; all by default. */
  readonly stages?: readonly Stage[];
  readonly attributes?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  readonly keystore?: KeystorePlan;
  readonly gateMs?: number;
  readonly addresses?: VolumePlan['addresses'];
  readonly fsGroup?: string;
  readonly useTokenRequest?: boolean;
  readonly continueOnNotReady?: boolean;
}

/** All lives, each from the same seed. */
export function lives(seed: number): readonly Life[] {
  return [
    life(seed, { name: 'plain volume', isThorough: true }),
    life(seed, {
      name: 'volume with a kept key and a combined file',
      attributes: { 'reuse-private-key': 'true', 'combined-pem-file': 'both.pem' },
      files: ['both.pem'],
      fsGroup: '2000',
    }),
    life(seed, {
      name: 'volume with a keystore and a password file',
      stages: [firstStage],
      attributes: keystoreAttributes(true),
      files: ['keystore.p12', 'password'],
      keystore: { file: 'keystore.p12', password: { file: 'password' } },
    }),
    life(seed, {
      name: 'volume behind a gate, mounted first',
      stages: [firstStage],
      gateMs: 20 * second,
      continueOnNotReady: true,
    }),
    life(seed, {
      name: 'volume with the addresses of its pod, which come late and change',
      stages: [firstStage],
      attributes: { 'ip-sans': '${POD_IPS}' },
      addresses: [
        { afterMs: 3 * second, ip: '10.0.0.7' },
        { afterMs: 10 * minute, ip: '10.0.0.8' },
      ],
    }),
  ];
}

function life(seed: number, options: LifeOptions): Life {
  return {
    stages: options.stages ?? allStages,
    isThorough: options.isThorough ?? false,
    scenario: {
      seed,
      name: options.name,
      durationMs: unpublishMs + 2 * minute,
      quietMs: minute,
      hasController: false,
      useTokenRequest: options.useTokenRequest ?? false,
      continueOnNotReady: options.continueOnNotReady ?? false,
      hasGate: options.gateMs !== undefined,
      hasEvents: true,
      tmpfsBytes: 16 * 1024 * 1024,
      watchPatience: 100,
      issuers: [{ name: 'issuer-0', latencyMs: 20, backdateMs: 0, maxLifetimeMs: Infinity, givesCa: true }],
      volumes: [volume(options)],
      faults: [{ atMs: restartMs, kind: 'kill', downMs: 5 * second, at: undefined }],
    },
  };
}

function volume(options: LifeOptions): VolumePlan {
  const { attributes = {}, files = [], fsGroup = '', useTokenRequest = false, keystore, gateMs, addresses } = options;
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
    ...(keystore && { keystore }),
    ...(gateMs !== undefined && { gateMs }),
    ...(addresses && { addresses }),
    fsGroup,
    files: ['tls.crt', 'tls.key', 'ca.crt', ...files],
    startMs: publishMs,
    endMs: unpublishMs,
    endsAbruptly: false,
    approvalMs: 0,
    republishMs: useTokenRequest ? 12 * minute : undefined,
  };
}
