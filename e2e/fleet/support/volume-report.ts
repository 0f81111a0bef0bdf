import { reportedServedStates } from '../../../libs/fleet-model/src/report-terms.ts';
import type { ServedState } from '../../../libs/fleet-model/src/vocabulary.ts';
import {
  Certificate,
  Failure,
  VolumeReport,
  VolumeReport_Cause,
  VolumeReport_KeyType,
  VolumeReport_State,
} from '../../../libs/shared/gen/fleet/v1/fleet.ts';

/** Fingerprint of the CA of every report. */
export const caFingerprint = 'ab'.repeat(32);

/** The state of a reported volume; times are in milliseconds from now. */
export interface ReportedVolume {
  readonly namespace?: string;
  readonly pod?: string;
  /** Name of its ClusterIssuer. */
  readonly issuer?: string;
  readonly generation?: number;
  readonly dueInMs?: number;
  readonly expiresInMs?: number;
  readonly issuedAgoMs?: number;
  /** The error of the last attempt, and the number of failed attempts. */
  readonly failure?: { readonly message: string; readonly attempts: number };
  /** Bits of the RSA key; without them no properties of the certificate are reported. */
  readonly rsaBits?: number;
  /** Key usages and requested lifetime, for a certificate with `rsaBits`. */
  readonly usages?: readonly string[];
  readonly requestedMs?: number;
  /** Fingerprint of its CA; `caFingerprint` if absent. */
  readonly ca?: string;
  /** What created its pod, such as `Deployment/web`. */
  readonly workload?: string;
  /** Labels of its pod that the operator chose. */
  readonly labels?: Readonly<Record<string, string>>;
  /** What its pod was seen to serve, for ten minutes. */
  readonly served?: ServedState;
}

const hourMs = 3_600_000;

/** An agent's report of a volume: by default a certificate with a lifetime of one hour that is due in 50 minutes. */
export function reportOf(volumeId: string, reported: ReportedVolume = {}): VolumeReport {
  const { namespace = 'shop', pod = `pod-of-${volumeId}`, issuer = 'corporate', generation = 1, failure } = reported;
  return VolumeReport.fromPartial({
    volumeId,
    pod: { namespace, name: pod, uid: `uid-${volumeId}` },
    issuer: { group: 'cert-manager.io', kind: 'ClusterIssuer', name: issuer },
    generation,
    state: failure === undefined ? VolumeReport_State.READY : VolumeReport_State.FAILING,
    keyType: VolumeReport_KeyType.ECDSA,
    cause: generation === 1 ? VolumeReport_Cause.MOUNT : VolumeReport_Cause.JOB,
    certificate: certificateOf(`${pod}.${namespace}.svc`, generation, reported),
    ...(failure && { lastFailure: failureOf(failure) }),
    ...(reported.workload && { workload: workloadOf(reported.workload) }),
    podLabels: Object.entries(reported.labels ?? {}).map(([key, value]) => ({ key, value })),
    ...(reported.served && { served: { state: reportedServedStates[reported.served], since: fromNow(-600_000) } }),
  });
}

function workloadOf(text: string): { readonly kind: string; readonly name: string } {
  const [kind = '', name = ''] = text.split('/');
  return { kind, name };
}

/** A recent failed attempt. */
export function failureOf(failure: NonNullable<ReportedVolume['failure']>): Failure {
  return Failure.fromPartial({ at: fromNow(-1000), reason: 'IssuerRefused', ...failure });
}

const fromNow = (inMs: number): Date => new Date(Date.now() + inMs);

function certificateOf(name: string, generation: number, reported: ReportedVolume): Certificate {
  const { dueInMs = 3_000_000, expiresInMs = hourMs, issuedAgoMs = 1000, usages = [], requestedMs = 0 } = reported;
  return Certificate.fromPartial({
    serialNumber: `0${generation}`,
    subject: `CN=${name}`,
    dnsNames: [name],
    notBefore: fromNow(-issuedAgoMs),
    notAfter: fromNow(expiresInMs),
    renewAt: fromNow(dueInMs),
    issuedAt: fromNow(-issuedAgoMs),
    fingerprintSha256: 'cd'.repeat(32),
    caFingerprintsSha256: [reported.ca ?? caFingerprint],
    ...(reported.rsaBits !== undefined && {
      posture: {
        ...{ keyBits: reported.rsaBits, signatureAlgorithm: 'sha256WithRSAEncryption' },
        ...{ usages: [...usages], requestedSeconds: requestedMs / 1000 },
      },
    }),
  });
}
