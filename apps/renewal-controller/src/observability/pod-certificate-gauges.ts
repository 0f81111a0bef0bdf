import type { Gauge } from 'prom-client';
import type { PodCertificateStats, PodCertificateTally } from '../pod-certificates/pod-certificate-stats.ts';
import type { ControllerSnapshot } from './controller-snapshot.ts';

type Register = (
  name: string,
  labels: readonly string[],
  help: string,
  show: (gauge: Gauge, snapshot: ControllerSnapshot) => void,
) => void;

/** Signers with their own series; tenants can choose signer names, so the number is bounded. */
const maxNamed = 50;
const other = 'other';

/** Registers the gauges of pod certificates; they are absent unless the controller follows them. */
export function podCertificateGauges(gauge: Register): void {
  const rest = 'The 50 largest signers, those with problems first, have their own series; the rest is "other".';
  gauge(
    'pod_certificates',
    ['signer', 'state'],
    `Pod certificates by signer and state. ${rest}`,
    (g, { podCertificates }) => {
      for (const [signer, { byState }] of namedSigners(podCertificates?.stats))
        for (const [state, count] of Object.entries(byState)) if (count > 0) g.inc({ signer, state }, count);
    },
  );
  gauge(
    'pod_certificates_soonest_not_after_timestamp_seconds',
    ['signer'],
    `Not-after of the unexpired pod certificate that expires next. ${rest}`,
    (g, { podCertificates }) => {
      const soonest = new Map<string, number>();
      for (const [signer, { soonestExpiryMs }] of namedSigners(podCertificates?.stats))
        if (soonestExpiryMs !== undefined)
          soonest.set(signer, Math.min(soonest.get(signer) ?? Infinity, soonestExpiryMs));
      for (const [signer, expiryMs] of soonest) g.set({ signer }, expiryMs / 1000);
    },
  );
  gauge(
    'pod_certificates_at_risk',
    ['signer', 'reason'],
    `Pod certificates that are not certain to be valid, by signer and reason: denied, failed, expired, overdue, or waiting for a signer for too long. ${rest}`,
    (g, { podCertificates }) => {
      const named = new Set(namedSigners(podCertificates?.stats).map(([signer]) => signer));
      for (const { signer, reason, count } of podCertificates?.stats?.risks ?? [])
        g.inc({ signer: named.has(signer) ? signer : other, reason }, count);
    },
  );
  gauge(
    'pod_certificates_overdue',
    [],
    'Pod certificates that the kubelet has not refreshed in time, expired ones included.',
    (g, { podCertificates }) => {
      const { byState } = podCertificates?.stats?.all ?? {};
      if (byState !== undefined) g.set(byState.overdue + byState.expired);
    },
  );
  gauge(
    'pod_certificates_current',
    [],
    'Whether the pod certificates are followed and up to date; absent if they are switched off.',
    (g, { podCertificates }) => {
      if (podCertificates !== undefined) g.set(podCertificates.isCurrent ? 1 : 0);
    },
  );
}

/** The tallies with the signer of their series. */
function namedSigners(stats: PodCertificateStats | undefined): readonly (readonly [string, PodCertificateTally])[] {
  const risky = new Set(stats?.risks.map(({ signer }) => signer));
  const rank = (signer: string): number => (risky.has(signer) ? 1 : 0);
  const sorted = [...(stats?.signers ?? [])].sort(
    ([nameA, a], [nameB, b]) => rank(nameB) - rank(nameA) || b.total - a.total || (nameA < nameB ? -1 : 1),
  );
  return sorted.map(([signer, tally], i) => [i < maxNamed ? signer : other, tally]);
}
