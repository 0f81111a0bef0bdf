import { isOneOf } from '@certfleet/shared/error-reasons.ts';
import type { ErrorReason } from '@certfleet/shared/error-reasons.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { AttemptCause } from '@certfleet/fleet-model/issuance-causes.ts';
import type { NameDifferences } from '../crypto/name-differences.ts';
import type { AgentMetrics } from '../observability/agent-metrics.ts';
import { failureLabels } from './event-reasons.ts';
import type { EventReasonName } from './event-reasons.ts';
import type { PodIdentity, VolumeSpec } from '../spec/volume-spec.ts';

/** A Kubernetes Event about a pod. */
export interface PodEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: EventReasonName;
  readonly message: string;
}

/** Records Kubernetes Events; never fails and never waits. */
export type RecordPodEvent = (pod: PodIdentity, event: PodEvent) => void;

/** The certificate fields that reports show. */
export interface ReportedCertificate {
  readonly serialNumber: string;
  readonly notAfter: Date;
  readonly renewAt: Date;
}

export interface ReportedVolume {
  readonly volumeId: string;
  readonly spec: VolumeSpec;
}

/** A volume with a certificate, or without one yet. */
export interface AttemptedVolume extends ReportedVolume {
  readonly record: { readonly issued?: { readonly notAfter: Date } | undefined };
  /** Whether no request is made before the next attempt is allowed. */
  readonly attempts: { readonly isBackingOff: boolean };
}

/** Reports each outcome once as a log line, a metric and an Event for `kubectl describe pod`. */
export class VolumeReporter {
  readonly #log: Logger;
  readonly #metrics: AgentMetrics;
  readonly #recordEvent: RecordPodEvent;

  constructor(log: Logger, metrics: AgentMetrics, recordEvent: RecordPodEvent) {
    this.#log = log;
    this.#metrics = metrics;
    this.#recordEvent = recordEvent;
  }

  issued(volume: ReportedVolume, cause: AttemptCause, generation: number, certificate: ReportedCertificate): void {
    const { spec } = volume;
    this.#metrics.issuanceEnded('success', cause, volume.volumeId);
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

  /** An attempt failed or is deferred; the next is allowed at `retryAt`. Existing files stay in place. */
  attemptFailed(volume: AttemptedVolume, cause: AttemptCause, error: CertfleetError, retryAt: Date): void {
    const { issued } = volume.record;
    const { event, result } = failureLabels(error);
    this.#metrics.issuanceEnded(result, cause, volume.volumeId);
    this.#metrics.issuanceFailed(event);
    const details = { cause, reason: error.reason, error: error.message, retryAt };
    if (issued === undefined) {
      this.#log.warn({ ...fields(volume), ...details }, 'issuance failed');
      const next = volume.attempts.isBackingOff ? `; the next request is made at ${iso(retryAt)}` : '';
      this.#warn(volume, event, `${error.message}${next}`);
      return;
    }
    const { notAfter } = issued;
    this.#log.warn({ ...fields(volume), ...details, notAfter }, 'renewal failed');
    const reason = isOneOf(ownRenewalReasons, error.reason) ? event : 'RenewalFailed';
    const until = `the certificate stays valid until ${iso(notAfter)}, next attempt at ${iso(retryAt)}`;
    this.#warn(volume, reason, `${error.message}; ${until}`);
  }

  /** The certificate exists but the volume could not be mounted; the kubelet gets the same error and retries. */
  mountFailed(volume: ReportedVolume, error: CertfleetError): void {
    const { event } = failureLabels(error);
    this.#metrics.issuanceFailed(event);
    this.#log.warn({ ...fields(volume), reason: error.reason, error: error.message }, 'mount failed');
    this.#warn(volume, event, error.message);
  }

  /** The first request has been waiting for some seconds. */
  requestPending(volume: ReportedVolume, message: string): void {
    const { kind, name, group } = volume.spec.issuer;
    this.#log.info({ ...fields(volume), message }, 'certificate request pending');
    this.#warn(volume, 'RequestPending', `waiting for ${kind} ${name} of ${group}: ${message}`);
  }

  /** A mounted volume has been waiting for the addresses of its pod. */
  addressPending(volume: ReportedVolume, problem: string | undefined): void {
    const variables = volume.spec.podVariables.unknown.join(', ');
    this.#log.info({ ...fields(volume), variables, problem }, 'waiting for the addresses of the pod');
    const why = problem === undefined ? '' : `: ${problem}`;
    const message = `waiting for the addresses of the pod, for ${variables}; the volume is mounted without a certificate${why}`;
    this.#warn(volume, 'PodAddressPending', message);
  }

  /** The watch of the node's pods failed and is about to recover. */
  podWatchFailed(error: CertfleetError): void {
    this.#log.warn({ reason: error.reason, error: error.message }, 'watch of pods interrupted');
  }

  /** The issuer does not answer a request; a new request replaces it. */
  requestReplaced(volume: ReportedVolume, requestName: string): void {
    this.#log.warn({ ...fields(volume), requestName }, 'unanswered certificate request replaced');
    this.#warn(
      volume,
      'RequestReplaced',
      `the issuer did not answer certificate request ${requestName}; a new request replaces it`,
    );
  }

  /** The certificate of an earlier attempt could not be written until its CA was no longer trusted. */
  answerReplaced(volume: ReportedVolume, requestName: string): void {
    this.#log.warn({ ...fields(volume), requestName }, 'unwritten certificate of a removed CA replaced');
    const message = `a CA rotation has removed the CA of certificate request ${requestName}, whose certificate was not written; a new request replaces it`;
    this.#warn(volume, 'RequestReplaced', message);
  }

  /** A certificate is in use before its not-before, because the current one would have expired while waiting. */
  notYetValid(volume: ReportedVolume, notBefore: Date): void {
    this.#log.warn({ ...fields(volume), notBefore }, 'certificate used before its not-before');
    const message = `the certificate is not valid before ${iso(notBefore)}: the clock of the issuer or of this node is wrong`;
    this.#warn(volume, 'CertificateNotYetValid', message);
  }

  /** A renewal returned no CA; the CA file is unchanged. */
  caKept(volume: ReportedVolume): void {
    this.#log.warn(fields(volume), 'issuer sent no ca, keeping the current one');
    this.#warn(volume, 'CaMissing', 'the issuer sent no CA with the renewed certificate; the CA file is unchanged');
  }

  /** The names of the certificate differ from those of the request; the certificate is in use. */
  namesDiffer(volume: ReportedVolume, { missing, added }: NameDifferences): void {
    if (missing.length === 0 && added.length === 0) return;
    this.#log.warn(
      { ...fields(volume), missing: shorten(missing), added: shorten(added) },
      'names differ from request',
    );
    const { kind, name } = volume.spec.issuer;
    if (missing.length > 0) {
      this.#metrics.namesDiffer('missing');
      const message = `the certificate from ${kind} ${name} lacks ${shorten(missing)}`;
      this.#warn(volume, 'NamesMissing', message);
    }
    if (added.length > 0) {
      this.#metrics.namesDiffer('added');
      const message = `${kind} ${name} added ${shorten(added)} to the certificate`;
      this.#recordEvent(volume.spec.pod, { type: 'Normal', reason: 'NamesAdded', message });
    }
  }

  /** The issuer has never sent a CA, so that a program with the truststore trusts nobody. */
  truststoreEmpty(volume: ReportedVolume): void {
    this.#log.warn(fields(volume), 'issuer sent no ca, the truststore is empty');
    this.#warn(volume, 'CaMissing', 'the issuer sent no CA, so the truststore is empty');
  }

  /** The CA file and the stores were written again, because a source of additional trust changed. */
  trustUpdated(volume: ReportedVolume, sources: readonly string[]): void {
    this.#log.info({ ...fields(volume), sources }, 'additional trust updated');
    const from = sources.length === 0 ? 'none' : sources.join(', ');
    const message = `the CA file was updated; sources of additional trust: ${from}`;
    this.#recordEvent(volume.spec.pod, { type: 'Normal', reason: 'TrustUpdated', message });
  }

  /** A source of a volume with a certificate is missing or invalid. */
  trustSourceFailed(volume: ReportedVolume, source: string, error: CertfleetError): void {
    this.#log.warn({ ...fields(volume), source, error: error.message }, 'source of additional trust failed');
    const message = `${source}: ${error.message}; the certificates that it gave last stay in the CA file`;
    this.#warn(volume, 'TrustSourceFailed', message);
  }

  /** The files could not be written; they are unchanged and the agent tries again. */
  trustUpdateFailed(volumeId: string, error: CertfleetError): void {
    this.#log.warn(
      { volumeId, reason: error.reason, error: error.message },
      'cannot update additional trust, retrying',
    );
  }

  /** The pod's server did not load the renewed certificate in time, or went back to another one. */
  notLoaded(volume: ReportedVolume, since: Date): void {
    const port = volume.spec.probe?.port;
    this.#log.warn({ ...fields(volume), port, since }, 'renewed certificate not loaded');
    const message = `port ${port} serves another certificate than the volume's since ${iso(since)}: the server must reload`;
    this.#warn(volume, 'CertificateNotLoaded', message);
  }

  /** The containers of the pod got the signal of the volume after a change of its files. */
  signalled(volume: ReportedVolume, containers: readonly string[]): void {
    this.#log.info({ ...fields(volume), signal: volume.spec.reload?.signal, containers }, 'containers signalled');
  }

  /** The containers of the pod could not be signalled; the next change tries again. */
  reloadFailed(volume: ReportedVolume, error: CertfleetError): void {
    const signal = volume.spec.reload?.signal;
    this.#log.warn(
      { ...fields(volume), signal, error: error.message },
      'cannot signal containers after a change of the files',
    );
    this.#warn(volume, 'ReloadFailed', `${signal} after a change of the files failed: ${error.message}`);
  }

  /** The address of a pod is not known; what pods serve stays as it was last seen. */
  probeImpossible(error: CertfleetError): void {
    this.#log.warn({ reason: error.reason, error: error.message }, 'cannot read a pod to probe it');
  }

  /** The kubelet did not request a volume again that was never published before the restart. */
  unclaimedRemoved(volumeId: string): void {
    this.#log.info({ volumeId }, 'removed unpublished volume: the kubelet did not request it again');
  }

  /** A removal in the background failed. */
  removalFailed(volumeId: string, error: CertfleetError): void {
    this.#log.warn({ volumeId, error: error.message }, 'cannot remove volume, retrying');
  }

  /** A write failed. The change holds for this run of the agent and is written with the next change. */
  writeFailed(volume: ReportedVolume, error: CertfleetError): void {
    this.#log.warn(
      { ...fields(volume), error: error.message },
      'cannot write volume metadata, retrying with the next change',
    );
  }

  /** The attributes are invalid; nothing was created. */
  attributesRefused(volumeId: string, pod: PodIdentity | undefined, error: CertfleetError): void {
    this.#log.warn({ volumeId, error: error.message }, 'invalid volume attributes');
    if (pod !== undefined)
      this.#recordEvent(pod, { type: 'Warning', reason: 'InvalidAttributes', message: error.message });
  }

  /** Attributes that are accepted but are probably a mistake. */
  attributeWarnings(volume: ReportedVolume): void {
    for (const warning of volume.spec.warnings) {
      this.#log.warn({ ...fields(volume), warning }, 'volume attribute warning');
      this.#warn(volume, 'UnknownAttribute', warning);
    }
  }

  /** An old request could not be deleted; Kubernetes garbage-collects it with its pod. */
  discardFailed(volume: ReportedVolume, requestName: string, error: CertfleetError): void {
    this.#log.warn({ ...fields(volume), requestName, error: error.message }, 'cannot delete old certificate request');
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

/** At most eight names: an issuer may return thousands. */
function shorten(names: readonly string[]): string {
  const more = names.length > 8 ? ` and ${names.length - 8} more` : '';
  return `${names
    .slice(0, 8)
    .map((name) => name.slice(0, 100))
    .join(', ')}${more}`;
}

function iso(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** Reasons that the Event of a failed renewal uses; all others become RenewalFailed. */
const ownRenewalReasons = ['RequestDenied', 'CertificateNotYetValid'] as const satisfies readonly ErrorReason[];
