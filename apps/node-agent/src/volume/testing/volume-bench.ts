import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { Secret } from '@certfleet/shared/secret.ts';
import { openLocalCa } from '../../issuance/local-ca.ts';
import { createMountTable } from '../../mount/mount-table.ts';
import type { Mount } from '../../mount/mountinfo.ts';
import { AgentMetrics } from '../../observability/agent-metrics.ts';
import { RenewalScheduler } from '../../renewal/renewal-scheduler.ts';
import { systemFiles } from '../../storage/file-system.ts';
import { ownLayout } from '../../storage/volume-layout.ts';
import { VolumeStore } from '../../storage/volume-store.ts';
import { volumeParser } from '../parse-volume.ts';
import { recoverVolumes } from '../recover-volumes.ts';
import type { RecoveredVolumes } from '../recover-volumes.ts';
import { VolumeIssuance } from '../volume-issuance.ts';
import { VolumeManager } from '../volume-manager.ts';
import { VolumeRenewals } from '../volume-renewals.ts';
import { VolumeReporter } from '../volume-reporter.ts';
import type { PodEvent } from '../volume-reporter.ts';
import { WorkUnderWay } from '../work-under-way.ts';
import type { PublishContext, PublishRequest } from '../volume-requests.ts';
import { FakeMounter } from './fake-mounter.ts';
import { ScriptedIssuer } from './scripted-issuer.ts';

/** What a bench may be made differently. */
export interface BenchChanges {
  readonly continueOnNotReady?: boolean;
  readonly useTokenRequest?: boolean;
  readonly hasController?: boolean;
}

/** The volumes of a node with everything around them under a test's hand: time, issuer, mounts; the files are real. */
export class VolumeBench {
  readonly scratch = mkdtempSync('/dev/shm/certfleet-volumes-');
  readonly clock = new ManualClock(Date.UTC(2026, 10, 24));
  readonly mounter = new FakeMounter();
  readonly events: PodEvent[] = [];
  readonly metrics = new AgentMetrics(() => ({
    volumes: { ready: 0, pending: 0, failing: 0, expired: 0 },
    urgency: { overdue: 0, halfLeft: 0, quarterLeft: 0 },
    soonestNotAfter: undefined,
    rsaKeysReady: 0,
  }));
  readonly issuer: ScriptedIssuer;
  readonly store: VolumeStore;
  readonly #changes: BenchChanges;
  readonly #reporter: VolumeReporter;
  log = '';
  manager: VolumeManager;
  #scheduler: RenewalScheduler | undefined;

  private constructor(issuer: (bench: ManualClock) => ScriptedIssuer, changes: BenchChanges) {
    this.#changes = changes;
    this.issuer = issuer(this.clock);
    mkdirSync(join(this.scratch, 'own'));
    this.store = VolumeStore.open({ own: ownLayout(join(this.scratch, 'own')), clock: this.clock });
    const log = createLogger(5, { write: (line: string) => void (this.log += line) });
    this.#reporter = new VolumeReporter(log, this.metrics, (_, event) => void this.events.push(event));
    this.manager = this.#newManager();
  }

  static async open(changes: BenchChanges = {}): Promise<VolumeBench> {
    const scratch = mkdtempSync('/dev/shm/certfleet-ca-');
    try {
      const ca = await openLocalCa(scratch, new Date(Date.UTC(2026, 10, 24)));
      return new VolumeBench((clock) => new ScriptedIssuer(ca, clock), changes);
    } finally {
      rmSync(scratch, { recursive: true });
    }
  }

  /** A publish as the kubelet asks for it, with these attributes of ours. */
  request(name: string, attributes: Readonly<Record<string, string>> = {}, tokens?: string): PublishRequest {
    const defaults = { 'issuer-name': 'ca', 'common-name': name, 'key-algorithm': 'ECDSA', duration: '30s' };
    const own = Object.entries({ ...defaults, ...attributes });
    return {
      volumeId: `csi-${name}`,
      targetPath: join(this.scratch, 'pods', name),
      volumeMountGroup: '',
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

  /** The agent's next life: what it finds on the node. */
  async restart(): Promise<RecoveredVolumes> {
    this.manager.stop();
    await this.#scheduler?.stop();
    this.manager = this.#newManager();
    const mounts = createMountTable([...this.mounter.mounted.keys()].map(mountAt));
    const parseVolume = volumeParser(3_600_000, this.#reporter);
    const found = recoverVolumes({ store: this.store, adopted: undefined, mounts, parseVolume, clock: this.clock });
    for (const volume of found.volumes) this.manager.resume(volume);
    return found;
  }

  remove(): void {
    this.manager.stop();
    rmSync(this.scratch, { recursive: true });
  }

  #newManager(): VolumeManager {
    const { clock, store, mounter, issuer } = this;
    const { continueOnNotReady = false, useTokenRequest = false } = this.#changes;
    const nothing = (): void => undefined;
    const issuance = new VolumeIssuance({
      dependencies: {
        issuer,
        takeKey: () => Promise.resolve(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
        awaitGates: () => Promise.resolve(),
        clock,
        observePhase: nothing,
      },
      useTokenRequest,
      reporter: this.#reporter,
      observeWrite: nothing,
    });
    const scheduler: RenewalScheduler = new RenewalScheduler({
      clock,
      maxPerGroup: 4,
      renew: (volumeId) => manager.renew(volumeId),
    });
    this.#scheduler = scheduler;
    const manager = new VolumeManager({
      store,
      files: systemFiles,
      mounter,
      issuance,
      renewals: new VolumeRenewals({
        issuance,
        scheduler,
        reporter: this.#reporter,
        clock,
        issuanceTimeoutMs: 30_000,
        observeLag: nothing,
        hasController: this.#changes.hasController ?? false,
      }),
      parseVolume: volumeParser(3_600_000, this.#reporter),
      reporter: this.#reporter,
      mountsUnderWay: new WorkUnderWay(clock),
      clock,
      continueOnNotReady,
      issuanceTimeoutMs: 30_000,
      observeMount: nothing,
    });
    return manager;
  }
}

function mountAt(mountPoint: string, index: number): Mount {
  const root = { id: index + 1, parentId: 0, device: '0:1', root: '/', mountPoint };
  return { ...root, options: [], propagation: [], fileSystem: 'tmpfs', source: 'tmpfs', superOptions: [] };
}
