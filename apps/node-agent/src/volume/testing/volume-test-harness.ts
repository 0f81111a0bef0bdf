import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { Secret } from '@certfleet/shared/secret.ts';
import { openLocalCa } from '../../local-ca/local-ca.ts';
import { openNodeVolumes } from '../../node-volumes.ts';
import type { NodeVolumes, NodeVolumesOptions, PodVariableParts } from '../../node-volumes.ts';
import { AgentMetrics } from '../../observability/agent-metrics.ts';
import { systemFiles } from '../../storage/file-system.ts';
import type { FileSystem } from '../../storage/file-system.ts';
import { ownLayout } from '../../storage/volume-layout.ts';
import type { VolumeLayout } from '../../storage/volume-layout.ts';
import { VolumeStore } from '../../storage/volume-store.ts';
import type { Volume } from '../volume.ts';
import type { VolumeManager } from '../volume-manager.ts';
import type { PodEvent } from '../volume-reporter.ts';
import { ActiveMounts } from '../active-mounts.ts';
import type { PublishContext, PublishRequest } from '../volume-requests.ts';
import { FakeMounter } from './fake-mounter.ts';
import { ScriptedIssuer } from './scripted-issuer.ts';

/** Options of a harness. */
export interface HarnessChanges {
  readonly continueOnNotReady?: boolean;
  readonly useTokenRequest?: boolean;
  readonly hasController?: boolean;
  readonly trust?: NodeVolumesOptions['trust'];
  readonly reload?: NodeVolumesOptions['reload'];
  readonly rollouts?: boolean;
  readonly podVariables?: PodVariableParts;
}

/** The volumes of a node with a controlled clock, issuer and mounter; the files are real. */
export class VolumeTestHarness {
  readonly scratch = mkdtempSync('/dev/shm/certfleet-volumes-');
  readonly clock = new ManualClock(Date.UTC(2026, 10, 24));
  readonly mounter = new FakeMounter();
  readonly events: PodEvent[] = [];
  readonly metrics = new AgentMetrics(() => ({
    volumes: { ready: 0, pending: 0, failing: 0, expired: 0 },
    urgency: { overdue: 0, halfLeft: 0, quarterLeft: 0 },
    withoutCertificate: 0,
    soonestNotAfter: undefined,
    rsaKeysReady: 0,
  }));
  readonly issuer: ScriptedIssuer;
  /** A store for the test's own reads of the agent's files. */
  readonly store: VolumeStore;
  readonly #changes: HarnessChanges;
  log = '';
  /** Layout of cert-manager's csi-driver for the next restart. */
  adopted: VolumeLayout | undefined;
  /** Whether the next start allows variables of pods. */
  allowsPodVariables = true;
  /** Called before each file system call of the agent; an error that it throws replaces the call. */
  beforeFileCall: ((call: keyof FileSystem, path: unknown) => void) | undefined;
  #node: NodeVolumes | undefined;

  private constructor(issuer: (clock: ManualClock) => ScriptedIssuer, changes: HarnessChanges) {
    this.#changes = changes;
    this.issuer = issuer(this.clock);
    mkdirSync(join(this.scratch, 'own'));
    this.store = VolumeStore.open({ own: ownLayout(join(this.scratch, 'own')), clock: this.clock });
  }

  static async open(changes: HarnessChanges = {}): Promise<VolumeTestHarness> {
    const scratch = mkdtempSync('/dev/shm/certfleet-ca-');
    try {
      const ca = await openLocalCa(scratch, new Date(Date.UTC(2026, 10, 24)));
      const harness = new VolumeTestHarness((clock) => new ScriptedIssuer(ca, clock), changes);
      harness.#node = harness.#start();
      return harness;
    } finally {
      rmSync(scratch, { recursive: true });
    }
  }

  get manager(): VolumeManager {
    if (this.#node === undefined) throw new Error('the harness is not open');
    return this.#node.manager;
  }

  /** A publish request as the kubelet sends it, with these certfleet attributes. */
  request(name: string, attributes: Readonly<Record<string, string>> = {}, tokens?: string): PublishRequest {
    const defaults = { 'issuer-name': 'ca', 'common-name': name, 'key-algorithm': 'ECDSA', duration: '30s' };
    const own = Object.entries({ ...defaults, ...attributes });
    return {
      volumeId: `csi-${name}`,
      targetPath: join(this.scratch, 'pods', name),
      volumeMountGroup: '',
      secretData: {},
      serviceAccountTokens: tokens === undefined ? undefined : new Secret(tokens),
      attributes: {
        'csi.storage.k8s.io/ephemeral': 'true',
        'csi.storage.k8s.io/pod.name': name,
        'csi.storage.k8s.io/pod.namespace': 'shop',
        'csi.storage.k8s.io/pod.uid': `uid-${name}`,
        'csi.storage.k8s.io/serviceAccount.name': 'default',
        ...Object.fromEntries(own.map(([key, value]) => [`csi.cert-manager.io/${key}`, value])),
      },
    };
  }

  publish(request: PublishRequest, context: Partial<PublishContext> = {}): Promise<void> {
    return this.manager.publish(request, { signal: new AbortController().signal, deadlineMs: Infinity, ...context });
  }

  serial({ volumeId }: Pick<PublishRequest, 'volumeId'>): string | undefined {
    const pem = this.store.readPayload(volumeId).get('tls.crt');
    return pem === undefined ? undefined : new X509Certificate(pem).serialNumber;
  }

  /** Advances the clock in steps, so that an attempt with real work does not miss its own deadline. */
  async advance(byMs: number, stepMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < byMs; passedMs += stepMs) await this.clock.advance(stepMs);
  }

  /** Restarts the agent and restores the volumes of the node. */
  async restart(): Promise<readonly Volume[]> {
    await this.stop();
    this.#node = this.#start();
    return [...this.manager.volumes()];
  }

  /** Stops the agent as SIGTERM does. */
  async stop(): Promise<void> {
    await this.#node?.stop();
  }

  /** Every file below a directory. */
  filesBelow(directory: string): string[] {
    const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  }

  remove(): void {
    this.manager.stop();
    rmSync(this.scratch, { recursive: true });
  }

  #start(): NodeVolumes {
    const { clock, mounter, issuer, metrics } = this;
    const { continueOnNotReady = false, useTokenRequest = false, hasController = false } = this.#changes;
    return openNodeVolumes({
      config: {
        'concurrent-renewals': 4,
        'continue-on-not-ready': continueOnNotReady,
        'controller-address': hasController ? 'dns:controller:443' : undefined,
        'default-duration': 3_600_000,
        'issuance-timeout': 30_000,
        'node-id': 'node-1',
        rollouts: this.#changes.rollouts ?? false,
        'strict-attributes': false,
        'use-token-request': useTokenRequest,
      },
      root: join(this.scratch, 'own'),
      adopted: this.adopted,
      files: this.#watchedFiles(),
      mounter,
      mountProbe: {
        isMounted: (target) => mounter.mounted.has(target),
        shows: (source, target) => mounter.mounted.get(target) === source,
      },
      source: {
        issuer,
        awaitGates: () => Promise.resolve(),
        recordEvent: (_, event) => void this.events.push(event),
      },
      takeKey: () => Promise.resolve(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
      metrics,
      trust: this.#changes.trust,
      reload: this.#changes.reload,
      activeMounts: new ActiveMounts(clock),
      podVariables: this.allowsPodVariables ? this.#changes.podVariables : undefined,
      clock,
      log: createLogger(5, { write: (line: string) => void (this.log += line) }),
    });
  }

  #watchedFiles(): FileSystem {
    return new Proxy(systemFiles, {
      get: (target, call: keyof FileSystem) => {
        const own = target[call] as (...values: unknown[]) => unknown;
        return (...values: unknown[]) => {
          this.beforeFileCall?.(call, values[0]);
          return own(...values);
        };
      },
    });
  }
}
