import type { Gauge } from 'prom-client';
import type { IndexSnapshot } from './controller-snapshot.ts';

type Register = (
  name: string,
  labels: readonly string[],
  help: string,
  show: (gauge: Gauge, index: IndexSnapshot) => void,
) => void;

/** Registers the gauges of the cryptographic properties of certificates. */
export function postureGauges(gauge: Register): void {
  gauge(
    'posture_violations',
    ['kind'],
    'Volumes on nodes that are not silent whose certificate violates a limit: rsa-bits, signature, lifetime or ca. A limit that is not set has no series.',
    (g, { stats: { posture } }) => {
      for (const { limit, count } of posture.violations) g.set({ kind: limit.excluded.kind }, count);
    },
  );
  gauge(
    'posture_unknown_volumes',
    [],
    'Volumes on nodes that are not silent whose agent, of an earlier release, reports only the lifetime of their certificate.',
    (g, { stats }) => {
      g.set(stats.posture.unknown);
    },
  );
}
