import { reportedCauses } from '../../../../libs/fleet-model/src/report-terms.ts';
import {
  Certificate,
  VolumeReport,
  VolumeReport_Cause,
  VolumeReport_KeyType,
  VolumeReport_State,
} from '../../../../libs/shared/gen/fleet/v1/fleet.ts';
import type { HeldVolume } from './held-volume.ts';
import type { AgentVersion } from './messages.ts';

/** A value that no current version knows. */
const unknownValue = 77 as number;

/**
 * The report of an honest agent. The issuer's data is true; the agent's additions use its own clock, which is
 * `offsetMs` ahead of the true time.
 */
export function reportOf(
  { sketch, generation, cause, failure, deferredUntilMs, ...times }: HeldVolume,
  { version, offsetMs }: { readonly version: AgentVersion; readonly offsetMs: number },
): VolumeReport {
  const report = VolumeReport.fromPartial({
    volumeId: sketch.id,
    pod: { namespace: 'payments', name: `api-${sketch.id.slice(-8)}`, uid: sketch.id.slice(-32) },
    issuer: { group: 'cert-manager.io', kind: 'ClusterIssuer', name: sketch.issuer },
    generation,
    state: failure === undefined ? VolumeReport_State.READY : VolumeReport_State.FAILING,
    cause: reportedCauses[cause],
    keyType: VolumeReport_KeyType.ECDSA,
    lastIssuanceMs: 100,
    certificate: Certificate.fromPartial({
      serialNumber: `${generation}`.padStart(16, '0'),
      fingerprintSha256: `${generation}`.padStart(64, 'f'),
      notBefore: new Date(times.issuedAtMs),
      notAfter: new Date(times.notAfterMs),
      renewAt: new Date(times.renewAtMs),
      issuedAt: new Date(times.issuedAtMs + offsetMs),
      caFingerprintsSha256: ['ca'.repeat(32)],
      subject: 'CN=api',
      dnsNames: ['api.payments.svc'],
    }),
    ...(deferredUntilMs !== undefined && { deferredUntil: new Date(deferredUntilMs) }),
    ...(failure && {
      lastFailure: {
        at: new Date(failure.atMs + offsetMs),
        attempts: failure.attempts,
        reason: 'IssuerFailed',
        message: 'the issuer is unavailable',
      },
    }),
  });
  if (version === 'older') {
    return {
      ...report,
      cause: VolumeReport_Cause.UNSPECIFIED,
      keyType: VolumeReport_KeyType.UNSPECIFIED,
      lastIssuanceMs: 0,
      deferredUntil: undefined,
    };
  }
  return version === 'newer'
    ? { ...report, cause: unknownValue as VolumeReport_Cause, keyType: unknownValue as VolumeReport_KeyType }
    : report;
}
