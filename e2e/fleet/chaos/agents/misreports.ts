// Reports that a correct agent never sends: from a compromised node or a broken version.
import { VolumeReport, VolumeReport_State } from '../../../../libs/shared/gen/fleet/v1/fleet.ts';
import type { HeldVolume } from './held-volume.ts';
import type { AgentBehaviour } from './messages.ts';
import { reportOf } from './report.ts';

type Misreport = (report: VolumeReport) => VolumeReport;

const honest = { version: 'current', offsetMs: 0 } as const;
const dayMs = 86_400_000;
let count = 0;

const misreports: Readonly<Record<Exclude<AgentBehaviour, 'honest'>, Misreport>> = {
  'invalid-names': (report) => ({
    ...report,
    volumeId: count % 3 === 0 ? '' : report.volumeId,
    pod: { namespace: 'n\n{}*?'.repeat(50), name: '\u202e\0"\'\\'.repeat(count % 2 === 0 ? 20_000 : 3), uid: '' },
    issuer: { group: '*', kind: 'ClusterIssuer\r\n', name: '/'.repeat(2_000) },
  }),
  'huge-reports': (report) => ({
    ...report,
    pod: { namespace: 'payments', name: 'x'.repeat(2_000), uid: 'x'.repeat(2_000) },
    certificate: report.certificate && { ...report.certificate, dnsNames: Array<string>(50).fill('y'.repeat(200)) },
  }),
  'invented-failures': (report) => ({
    ...report,
    state: VolumeReport_State.FAILING,
    lastFailure: {
      at: new Date(),
      reason: 'IssuerFailed',
      message: `invented ${count}`,
      attempts: count,
      since: new Date(0),
    },
  }),
  'invented-issuers': (report) => ({
    ...report,
    issuer: { group: 'cert-manager.io', kind: 'ClusterIssuer', name: `invented-${count}` },
  }),
  // Always due and never renewed: each job uses a slot of its lane until the answer timeout.
  'never-answers': (report) => ({
    ...report,
    certificate: report.certificate && {
      ...report.certificate,
      notBefore: new Date(Date.now() - dayMs),
      issuedAt: new Date(Date.now() - dayMs),
      renewAt: new Date(Date.now() - 1_000),
      notAfter: new Date(Date.now() + 60_000),
    },
    generation: count,
  }),
  'wrong-times': (report) => ({
    ...report,
    deferredUntil: new Date(8.64e15),
    certificate: report.certificate && {
      ...report.certificate,
      notBefore: new Date(Date.now() + count * dayMs),
      notAfter: new Date(Date.now() - dayMs),
      renewAt: new Date(count % 2 === 0 ? 0 : 8.64e15),
    },
  }),
};

/** A report of a volume that may not exist; each call returns a different one. */
export function misreport(
  behaviours: Exclude<AgentBehaviour, 'honest'>,
  volumeId: string,
  volume: HeldVolume | undefined,
): VolumeReport {
  count += 1;
  const report = volume ? reportOf(volume, honest) : VolumeReport.fromPartial({ volumeId, generation: 1 });
  return misreports[behaviours](report);
}
