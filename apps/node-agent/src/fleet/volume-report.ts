import { attemptCauses } from '@certfleet/fleet-model/issuance-causes.ts';
import {
  reportedCauses,
  reportedKeyTypes,
  reportedProbeFailures,
  reportedServedStates,
  reportedStates,
} from '@certfleet/fleet-model/report-terms.ts';
import { Served_Failure } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type {
  AdditionalTrust,
  Certificate,
  Failure,
  Served,
  VolumeReport,
} from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { PodFacts } from './pod-facts.ts';
import { maxFileBytes } from './describe-volume.ts';
import { caFileFingerprints, inspectLeaf } from '../crypto/certificate-chain.ts';
import { certificatePosture } from '../crypto/certificate-posture.ts';
import type { ServedStatus } from '../probe/served-tracker.ts';
import type { KeySpec } from '../spec/volume-spec.ts';
import { volumeStatus } from '../volume/volume-status.ts';
import type { Volume } from '../volume/volume.ts';

/** A certificate may contain any number of names; people need a few of them to recognise it. */
const maxNames = 50;
/** The public roots of a distribution are about 150. */
const maxAuthorities = 200;
/** The roots of a CA rotation come first. */
const maxAdditional = 64;
const maxText = 1024;
/** Names of algorithms and usages; object identifiers can be long. */
const maxTerm = 64;
const maxUsages = 16;

/** The report on a volume for the controller: metadata only, bounded for any input of issuer and pod. */
export function volumeReport(
  volume: Volume,
  nowMs: number,
  { served: status, pod }: { readonly served?: ServedStatus | undefined; readonly pod?: PodFacts | undefined } = {},
): VolumeReport {
  const { volumeId, spec, record, lastCause, lastIssuanceMs = 0 } = volume;
  const { namespace, name, uid } = spec.pod;
  return {
    volumeId,
    pod: { namespace, name, uid },
    issuer: { group: spec.issuer.group, kind: spec.issuer.kind, name: spec.issuer.name },
    generation: record.generation,
    state: reportedStates[volumeStatus(volume, nowMs)],
    certificate: certificate(volume),
    lastFailure: failure(volume),
    keyType: reportedKeyTypes[spec.key.algorithm.toLowerCase() as Lowercase<KeySpec['algorithm']>],
    // Zero would mean that there was none.
    lastIssuanceMs: lastIssuanceMs === 0 ? 0 : Math.max(1, Math.round(lastIssuanceMs)),
    cause: reportedCauses[lastCause === undefined ? 'unknown' : attemptCauses[lastCause]],
    deferredUntil: record.deferredUntil,
    served: status && served(status),
    additionalTrust: additionalTrust(volume),
    rollsWorkload: spec.rollsWorkload,
    podIsOutdated: spec.rollsWorkload && (record.signalledGeneration ?? record.generation) < record.generation,
    workload: pod?.workload,
    podLabels: [...(pod?.labels ?? [])],
  };
}

function served({ state, since, failure }: ServedStatus): Served {
  const why = failure === undefined ? Served_Failure.UNSPECIFIED : reportedProbeFailures[failure];
  return { state: reportedServedStates[state], since, failure: why };
}

function certificate(volume: Volume): Certificate | undefined {
  const { issued } = volume.record;
  if (issued === undefined) return undefined;
  const { serialNumber, fingerprintSha256, notBefore, notAfter, renewAt, issuedAt, caFingerprintsSha256 } = issued;
  return {
    serialNumber,
    fingerprintSha256,
    notBefore,
    notAfter,
    renewAt,
    issuedAt,
    caFingerprintsSha256: caFingerprintsSha256.slice(0, maxAuthorities),
    ...leafFields(volume),
  };
}

type LeafFields = Pick<Certificate, 'subject' | 'dnsNames' | 'uris' | 'ipAddresses' | 'posture'>;

const noFields: LeafFields = { subject: '', dnsNames: [], uris: [], ipAddresses: [], posture: undefined };

/** Read from the pod's file, because keeping these fields in memory would cost agents without a controller. */
function leafFields({ store, volumeId, spec }: Volume): LeafFields {
  try {
    const request = { name: spec.files.certificate, maxBytes: maxFileBytes };
    const { leaf, facts } = inspectLeaf(store.readPayloadFile(volumeId, request)?.toString() ?? '');
    const { signatureAlgorithm, usages, ...posture } = certificatePosture(leaf);
    return {
      subject: facts.subject.slice(0, maxText),
      dnsNames: facts.dnsNames.slice(0, maxNames),
      uris: facts.uris.slice(0, maxNames).map((uri) => uri.slice(0, maxText)),
      ipAddresses: facts.ipAddresses.slice(0, maxNames),
      posture: {
        ...posture,
        signatureAlgorithm: signatureAlgorithm.slice(0, maxTerm),
        requestedSeconds: Math.round(spec.durationMs / 1000),
        usages: usages.slice(0, maxUsages).map((usage) => usage.slice(0, maxTerm)),
      },
    };
  } catch {
    // The volume is being removed, or another driver wrote the file; the record's fields are reported anyway.
    return noFields;
  }
}

/** Read from the pod's file, which is what the pod trusts. Undefined if it contains only the certificate's own CA. */
function additionalTrust({ store, volumeId, spec, record }: Volume): AdditionalTrust | undefined {
  if (record.issued === undefined) return undefined;
  const own = new Set(record.issued.caFingerprintsSha256);
  try {
    const file = store.readPayloadFile(volumeId, { name: spec.files.ca, maxBytes: maxFileBytes });
    const additional = caFileFingerprints(file?.toString() ?? '').filter((each) => !own.has(each));
    return additional.length === 0 ? undefined : { caFingerprintsSha256: additional.slice(0, maxAdditional) };
  } catch {
    return undefined; // As for the names above.
  }
}

function failure({ record, failedAttempts }: Volume): Failure | undefined {
  if (record.lastFailure === undefined) return undefined;
  const { at, since, reason, message } = record.lastFailure;
  // A restarted agent knows that an attempt failed, but not how many.
  return { at, since, reason, message: message.slice(0, maxText), attempts: Math.max(1, failedAttempts) };
}
