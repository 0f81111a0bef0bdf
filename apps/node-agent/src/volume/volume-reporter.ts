import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { AgentMetrics, IssuanceCause } from '../observability/agent-metrics.ts';
import { eventReasonOf } from './event-reasons.ts';
import type { EventReasonName } from './event-reasons.ts';
import type { PodIdentity, VolumeSpec } from '../spec/volume-spec.ts';

/** A Kubernetes Event about a pod. */
export interface PodEvent {
  readonly type: 'Normal' | 'Warning';
  /** Camel case, from a fixed set. */
  readonly reason: EventReasonName;
  readonly message: string;
}

/** Where Kubernetes Events go; recording never fails and never waits. */
export type RecordPodEvent = (pod: PodIdentity, event: PodEvent) => void;

/** The certificate facts that reports show. */
export interface ReportedCertificate {
  readonly serialNumber: string;
  readonly notAfter: Date;
  readonly renewAt: Date;
}

/** The volume that a report is about. */
export interface ReportedVolume {
  readonly volumeId: string;
  readonly spec: VolumeSpec;
}

/** Tells each outcome once and everywhere: a log line, a metric, and an Event that `kubectl describe pod` shows. */
export class VolumeReporter {
  readonly #log: Logger;
  readonly #metrics: AgentMetrics;
  readonly #recordEvent: RecordPodEvent;

  constructor(log: Logger, metrics: AgentMetrics, recordEvent: RecordPodEvent) {
    this.#log = log;
    this.#metrics = metrics;
    this.#recordEvent = recordEvent;
  }

  issued(volume: ReportedVolume, cause: IssuanceCause, generation: number, certificate: ReportedCertificate): void {
    const { spec } = volume;
    this.#metrics.issuanceEnded('success', cause);
    this.#log.info(
      {
        ...fields(volume),
        cause,
        generation,
        serialNumber: certificate.serialNumber,
        notAfter: certificate.notAfter,
        renewAt: certificate.renewAt,
      },
      'certificate issued',
    );
    const from = `${spec.issuer.kind} ${spec.issuer.name}`;
    this.#recordEvent(spec.pod, {
      type: 'Normal',
      reason: generation === 1 ? 'Issued' : 'Renewed',
      message: `certificate from ${from} is valid until ${iso(certificate.notAfter)}, renewal at ${iso(certificate.renewAt)}`,
    });
  }

  /** A first issuance failed; the kubelet gets the same error and tries again. */
  issuanceFailed(volume: ReportedVolume, cause: IssuanceCause, error: CertfleetError): void {
    this.#metrics.issuanceEnded(resultOf(error), cause);
    this.#metrics.issuanceFailed(eventReasonOf(error.reason));
    this.#log.warn({ ...fields(volume), cause, reason: error.reason, error: error.message }, 'issuance failed');
    this.#warn(volume, eventReasonOf(error.reason), error.message);
  }

  /** A renewal failed; the old files stay. */
  renewalFailed(
    volume: ReportedVolume,
    cause: IssuanceCause,
    error: CertfleetError,
    times: { readonly notAfter: Date; readonly retryAt: Date },
  ): void {
    this.#metrics.issuanceEnded(resultOf(error), cause);
    this.#metrics.issuanceFailed(eventReasonOf(error.reason));
    this.#log.warn(
      { ...fields(volume), cause, reason: error.reason, error: error.message, ...times },
      'renewal failed',
    );
    const reason = error.reason === 'RequestDenied' ? 'RequestDenied' : 'RenewalFailed';
    this.#warn(
      volume,
      reason,
      `${error.message}; the certificate stays valid until ${iso(times.notAfter)}, next try at ${iso(times.retryAt)}`,
    );
  }

  /** The attributes were refused before anything was made. */
  attributesRefused(volumeId: string, pod: PodIdentity | undefined, error: CertfleetError): void {
    this.#log.warn({ volumeId, error: error.message }, 'volume attributes refused');
    if (pod !== undefined)
      this.#recordEvent(pod, { type: 'Warning', reason: 'InvalidAttributes', message: error.message });
  }

  /** Something legal that looks like a mistake. */
  attributeWarnings(volume: ReportedVolume): void {
    for (const warning of volume.spec.warnings) {
      this.#log.warn({ ...fields(volume), warning }, 'doubtful volume attribute');
      this.#warn(volume, 'DoubtfulAttribute', warning);
    }
  }

  /** An old request could not be deleted; the garbage collector takes it with its pod. */
  discardFailed(volume: ReportedVolume, requestName: string, error: CertfleetError): void {
    this.#log.warn({ ...fields(volume), requestName, error: error.message }, 'old request not deleted');
  }

  #warn({ spec }: ReportedVolume, reason: EventReasonName, message: string): void {
    this.#recordEvent(spec.pod, { type: 'Warning', reason, message });
  }
}

function fields({ volumeId, spec }: ReportedVolume): Record<string, string> {
  return {
    volumeId,
    namespace: spec.pod.namespace,
    pod: spec.pod.name,
    issuer: `${spec.issuer.group}/${spec.issuer.kind}/${spec.issuer.name}`,
  };
}

function iso(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** The metric's result label: a fixed set. */
function resultOf(error: CertfleetError): string {
  return resultByReason[error.reason ?? ''] ?? 'error';
}

const resultByReason: Readonly<Record<string, string>> = {
  RequestDenied: 'denied',
  RequestFailed: 'failed',
  RequestRejected: 'failed',
  RequestPending: 'pending',
  GatePending: 'pending',
  InvalidCertificate: 'invalid',
};
