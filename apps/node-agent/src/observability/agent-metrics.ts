import { attemptCauses } from '@certfleet/fleet-model/issuance-causes.ts';
import type { AttemptCause } from '@certfleet/fleet-model/issuance-causes.ts';
import { servedStates } from '@certfleet/fleet-model/vocabulary.ts';
import type { ProbeFailure } from '@certfleet/fleet-model/vocabulary.ts';
import type { FailureReason } from '@certfleet/shared/error-reasons.ts';
import { dropMisnamedMetrics } from '@certfleet/shared/default-metrics.ts';
import { CsiDriverMetrics } from './csi-driver-metrics.ts';
import type { CsiDriverVolume } from './csi-driver-metrics.ts';
import type { MetricsSnapshot } from './metrics-snapshot.ts';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** How an attempt to issue a certificate ended. */
export type IssuanceResult = 'success' | 'denied' | 'failed' | 'pending' | 'invalid' | 'error';

/** How the signals after a renewal ended; `not-running`: no container runs that could have the earlier certificate. */
const reloadResults = ['signalled', 'not-running', 'failed'] as const;
export type ReloadResult = (typeof reloadResults)[number];

/** The steps of an issuance whose time is measured. */
export type IssuancePhase = 'gate' | 'key' | 'request' | 'wait' | 'write' | 'mount';

/** How the mounts of pods agree with the volumes of the agent. */
export interface MountCheck {
  /** Published volumes that their pods have mounted. */
  readonly matched: number;
  /** Published volumes of which nothing, or something else, is mounted in their pods. */
  readonly missing: number;
  /** Volumes of this driver in pods that the agent does not know, and so does not renew. */
  readonly unknown: number;
}

const subSecond = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * The agent's Prometheus metrics, in a registry of their own. Labels come from fixed sets: nothing is labelled by volume,
 * pod or issuer, except in the metrics of csi-driver, which are optional.
 */
export class AgentMetrics {
  readonly registry = new Registry();
  readonly #issuances = this.#counter('issuances_total', 'Ended issuances by result and cause.', ['result', 'cause']);
  readonly #failures = this.#counter('issuance_failures_total', 'Failed issuances and renewals, by reason.', [
    'reason',
  ]);
  readonly #phase = this.#histogram('issuance_phase_duration_seconds', 'Time of each phase of an issuance.', ['phase']);
  readonly #lag = this.#histogram('renewal_lag_seconds', 'Time from when a renewal was due to when it was done.', []);
  readonly #csi = this.#histogram(
    'csi_request_duration_seconds',
    'CSI and registration calls by method and gRPC code.',
    ['method', 'code'],
  );
  readonly #api = this.#counter(
    'kubernetes_api_requests_total',
    'API server requests by verb, resource and status code.',
    ['verb', 'resource', 'code'],
  );
  readonly #events = this.#counter(
    'kubernetes_events_dropped_total',
    'Kubernetes Events dropped by the rate limit or a full queue.',
    [],
  );
  readonly #keys = this.#counter('rsa_key_pool_takes_total', 'RSA keys taken, by whether one was ready.', ['result']);
  readonly #probes = this.#counter('probes_total', 'TLS handshakes with pods, by result.', ['result']);
  readonly #reloads = this.#counter('reloads_total', 'Signals to pods after a renewal, by result.', ['result']);
  readonly #trustUpdates = this.#counter(
    'trust_updates_total',
    'Updates of CA files after a change of additional trust, by result.',
    ['result'],
  );
  readonly #trustSources = this.#gauge(
    'trust_sources',
    'ConfigMaps and ClusterTrustBundles that volumes name, by whether the last read succeeded: current or failed.',
    ['state'],
  );
  readonly #names = this.#counter(
    'certificate_name_differences_total',
    'Certificates whose names differ from the request, by whether names are missing or added.',
    ['kind'],
  );
  readonly #damaged = this.#gauge(
    'damaged_volumes',
    'Volumes that could not be restored and are set aside; tried again every minute.',
    [],
  );
  readonly #controller = this.#gauge(
    'controller_connected',
    'Whether the renewal controller is connected; 0 without one.',
    [],
  );

  #csiDriver: CsiDriverMetrics | undefined;

  constructor(
    snapshot: () => MetricsSnapshot,
    checkMounts: () => Promise<MountCheck | undefined> = () => Promise.resolve(undefined),
  ) {
    // The event-loop monitor wakes the process at its precision; prom-client's default of 10 ms would be most of an
    // idle agent's CPU time.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 1000 });
    dropMisnamedMetrics(this.registry);
    // A counter that appears with its first event would hide that event from Prometheus' increase().
    for (const cause of Object.keys(attemptCauses)) this.#issuances.inc({ result: 'success', cause }, 0);
    for (const kind of ['missing', 'added']) this.#names.inc({ kind }, 0);
    for (const result of reloadResults) this.#reloads.inc({ result }, 0);
    this.#collected('volumes', 'Volumes by state.', ['state'], (gauge) => {
      for (const [state, count] of Object.entries(snapshot().volumes)) gauge.set({ state }, count);
    });
    this.#collected(
      'soonest_not_after_timestamp_seconds',
      'Not-after of the certificate that expires next; 0 without certificates.',
      [],
      (gauge) => gauge.set((snapshot().soonestNotAfter?.getTime() ?? 0) / 1000),
    );
    this.#collected(
      'volumes_overdue',
      'Unexpired volumes past the fallback deadline of the agent, without a failed attempt.',
      [],
      (gauge) => gauge.set(snapshot().urgency.overdue),
    );
    this.#collected(
      'volumes_expiring_soon',
      'Unexpired volumes of whose time between renew-at and not-after no more than this part is left.',
      ['left'],
      (gauge) => {
        const { halfLeft, quarterLeft } = snapshot().urgency;
        gauge.set({ left: '1/2' }, halfLeft);
        gauge.set({ left: '1/4' }, quarterLeft);
      },
    );
    this.#collected(
      'volumes_without_certificate',
      'Volumes that have waited five minutes or longer for their first certificate; their pods have not started.',
      [],
      (gauge) => gauge.set(snapshot().withoutCertificate),
    );
    this.#collected(
      'probed_volumes',
      'Volumes with a probe by what their pod serves: this certificate, another one (not-loaded), or unknown.',
      ['state'],
      (gauge) => {
        for (const state of servedStates) gauge.set({ state }, snapshot().served?.[state] ?? 0);
      },
    );
    this.#mounts(checkMounts);
    this.#tmpfs(snapshot);
    this.#collected('rsa_keys_ready', 'RSA keys kept ready.', [], (gauge) => gauge.set(snapshot().rsaKeysReady));
  }

  /** Adds the metrics of cert-manager's csi-driver, which have labels of volumes and requests. */
  addCsiDriverMetrics(nodeHash: string, volumes: () => readonly CsiDriverVolume[]): void {
    this.#csiDriver = new CsiDriverMetrics(this.registry, nodeHash, volumes);
  }

  issuanceEnded(result: IssuanceResult, cause: AttemptCause, volumeId: string): void {
    this.#issuances.inc({ result, cause });
    this.#csiDriver?.attemptEnded(volumeId, result !== 'success');
  }

  /** `reason` is one of the Events' own. */
  issuanceFailed(reason: FailureReason): void {
    this.#failures.inc({ reason });
  }

  phaseEnded(phase: IssuancePhase, durationMs: number): void {
    this.#phase.observe({ phase }, durationMs / 1000);
  }

  renewed(lagMs: number): void {
    this.#lag.observe(Math.max(0, lagMs) / 1000);
  }

  csiCallEnded(method: string, code: string, durationMs: number): void {
    this.#csi.observe({ method, code }, durationMs / 1000);
  }

  apiRequestEnded(verb: string, resource: string, code: string): void {
    this.#api.inc({ verb, resource, code });
  }

  eventDropped(): void {
    this.#events.inc();
  }

  keyTaken(wasReady: boolean): void {
    this.#keys.inc({ result: wasReady ? 'ready' : 'generated' });
  }

  probeEnded(result: 'certificate' | ProbeFailure): void {
    this.#probes.inc({ result });
  }

  reloadEnded(result: ReloadResult): void {
    this.#reloads.inc({ result });
  }

  trustUpdateEnded(result: 'updated' | 'failed'): void {
    this.#trustUpdates.inc({ result });
  }

  trustSources(counts: { readonly current: number; readonly failed: number }): void {
    for (const [state, count] of Object.entries(counts)) this.#trustSources.set({ state }, count);
  }

  controllerConnected(isConnected: boolean): void {
    this.#controller.set(isConnected ? 1 : 0);
  }

  namesDiffer(kind: 'missing' | 'added'): void {
    this.#names.inc({ kind });
  }

  damagedVolumes(count: number): void {
    this.#damaged.set(count);
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name: `certfleet_agent_${name}`, help, labelNames, registers: [this.registry] });
  }

  #gauge<Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> {
    return new Gauge({ name: `certfleet_agent_${name}`, help, labelNames, registers: [this.registry] });
  }

  #histogram<Label extends string>(name: string, help: string, labelNames: Label[]): Histogram<Label> {
    return new Histogram({
      name: `certfleet_agent_${name}`,
      help,
      labelNames,
      buckets: subSecond,
      registers: [this.registry],
    });
  }

  #mounts(checkMounts: () => Promise<MountCheck | undefined>): void {
    this.#collected(
      'pod_mounts',
      'Mounts of pods by whether they show the volume that the agent renews: matched, missing, or unknown to it.',
      ['state'],
      async (gauge) => {
        const { matched = 0, missing = 0, unknown = 0 } = (await checkMounts()) ?? {};
        for (const [state, count] of Object.entries({ matched, missing, unknown })) gauge.set({ state }, count);
      },
    );
  }

  #tmpfs(snapshot: () => MetricsSnapshot): void {
    this.#collected('tmpfs_size_bytes', 'Size of the tmpfs of the volumes; 0 until it is mounted.', [], (gauge) =>
      gauge.set(snapshot().tmpfs?.sizeBytes ?? 0),
    );
    this.#collected('tmpfs_free_bytes', 'Bytes left on that tmpfs.', [], (gauge) =>
      gauge.set(snapshot().tmpfs?.freeBytes ?? 0),
    );
    this.#collected('tmpfs_free_inodes', 'Files and directories that can still be made on that tmpfs.', [], (gauge) =>
      gauge.set(snapshot().tmpfs?.freeInodes ?? 0),
    );
    this.#collected('tmpfs_inodes', 'Inodes of that tmpfs in all; 0 where it has no limit.', [], (gauge) =>
      gauge.set(snapshot().tmpfs?.inodes ?? 0),
    );
  }

  #collected<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    collect: (gauge: Gauge<Label>) => void | Promise<void>,
  ): void {
    new Gauge({
      name: `certfleet_agent_${name}`,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        return collect(this);
      },
    });
  }
}
