import { dropMisnamedMetrics } from '@certfleet/shared/default-metrics.ts';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { DenialReason } from '../policy/denial.ts';

/** What the metrics observe. `signer` is the name of a PodCertificateSigner. */
export interface SignerObserver {
  issued(signer: string, kind: 'new' | 'refresh', waitedMs: number): void;
  denied(signer: string, reason: DenialReason): void;
  failed(signer: string, at: 'issuer' | 'api' | 'signer'): void;
}

/** The state of one PodCertificateSigner. */
export interface SignerGauge {
  readonly name: string;
  readonly pending: number;
  /** How long a pod that starts has waited for its certificate, at most. */
  readonly oldestStartingMs: number;
  readonly isReady: boolean;
}

const seconds = [0.05, 0.25, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];

export interface SignerMetricsState {
  readonly isLeading: () => boolean;
  readonly signers: () => readonly SignerGauge[];
  /** Lanes of issuers, and whether each is that of the controller now. */
  readonly sharedLanes: () => readonly { readonly issuer: string; readonly isShared: boolean }[];
}

/** The signer's Prometheus metrics, in their own registry. No label contains a pod or node. */
export class SignerMetrics implements SignerObserver {
  readonly registry = new Registry();
  readonly #registers = [this.registry];
  readonly #issued = new Counter({
    name: 'certfleet_signer_certificates_issued_total',
    help: 'Pod certificates issued, by PodCertificateSigner and kind: new, for a pod that starts, or refresh.',
    labelNames: ['signer', 'kind'],
    registers: this.#registers,
  });
  readonly #denied = new Counter({
    name: 'certfleet_signer_requests_denied_total',
    help: 'Requests that the policy denied, by PodCertificateSigner and reason.',
    labelNames: ['signer', 'reason'],
    registers: this.#registers,
  });
  readonly #failed = new Counter({
    name: 'certfleet_signer_attempts_failed_total',
    help: 'Attempts that failed and are repeated, by PodCertificateSigner and place of the failure: issuer, api for the Kubernetes API, or signer for a fault of the signer itself.',
    labelNames: ['signer', 'at'],
    registers: this.#registers,
  });
  readonly #waited = new Histogram({
    name: 'certfleet_signer_wait_seconds',
    help: 'Time from the first request of a projection to its certificate, by PodCertificateSigner and kind.',
    labelNames: ['signer', 'kind'],
    buckets: seconds,
    registers: this.#registers,
  });

  constructor(state: SignerMetricsState) {
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 1000 });
    dropMisnamedMetrics(this.registry);
    this.#gauge('leader', 'Whether this replica signs: 1 for the leader, otherwise 0.', [], (gauge) => {
      gauge.set(state.isLeading() ? 1 : 0);
    });
    this.#gauge('requests_pending', 'Requests without an answer, by PodCertificateSigner.', ['signer'], (gauge) => {
      gauge.reset();
      for (const { name, pending } of state.signers()) gauge.set({ signer: name }, pending);
    });
    const oldest =
      'Longest time that a pod that starts has waited for its certificate so far, by PodCertificateSigner.';
    this.#gauge('oldest_start_seconds', oldest, ['signer'], (gauge) => {
      gauge.reset();
      for (const { name, oldestStartingMs } of state.signers()) gauge.set({ signer: name }, oldestStartingMs / 1000);
    });
    const shared =
      'Whether the lane of an issuer is that of the renewal controller: 1, or 0 while the controller does not answer and the signer has a lane of its own.';
    this.#gauge('lane_shared', shared, ['issuer'], (gauge) => {
      gauge.reset();
      for (const { issuer, isShared } of state.sharedLanes()) gauge.set({ issuer }, isShared ? 1 : 0);
    });
    const ready = 'Whether a PodCertificateSigner can sign: 1, or 0 with the reason in its condition Ready.';
    this.#gauge('ready', ready, ['signer'], (gauge) => {
      gauge.reset();
      for (const { name, isReady } of state.signers()) gauge.set({ signer: name }, isReady ? 1 : 0);
    });
  }

  issued(signer: string, kind: 'new' | 'refresh', waitedMs: number): void {
    this.#issued.inc({ signer, kind });
    this.#waited.observe({ signer, kind }, waitedMs / 1000);
  }

  denied(signer: string, reason: DenialReason): void {
    this.#denied.inc({ signer, reason });
  }

  failed(signer: string, at: 'issuer' | 'api' | 'signer'): void {
    this.#failed.inc({ signer, at });
  }

  #gauge(name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void): void {
    new Gauge({
      name: `certfleet_signer_${name}`,
      help,
      labelNames,
      registers: this.#registers,
      collect() {
        collect(this);
      },
    });
  }
}
