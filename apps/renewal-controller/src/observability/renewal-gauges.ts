import type { Gauge } from 'prom-client';
import type { ControllerSnapshot } from './controller-snapshot.ts';

type Register = (
  name: string,
  labels: readonly string[],
  help: string,
  show: (gauge: Gauge, snapshot: ControllerSnapshot) => void,
) => void;

/** Renewals with their own series. */
const maxNamed = 50;

/** Registers the gauges of the renewals on demand that continue only after a decision of an operator. */
export function renewalGauges(gauge: Register): void {
  const rest = 'At most 50 renewals are named.';
  gauge(
    'renewal_stopped',
    ['renewal'],
    `1 for each renewal on demand that has stopped after failed attempts. ${rest}`,
    (g, snapshot) => show(g, snapshot, 'stopped'),
  );
  gauge(
    'renewal_awaiting_approval',
    ['renewal'],
    `1 for each renewal on demand whose canary is done and whose other volumes wait for an approval. ${rest}`,
    (g, snapshot) => show(g, snapshot, 'awaiting-approval'),
  );
}

function show(gauge: Gauge, { renewals }: ControllerSnapshot, wanted: string): void {
  for (const { name } of renewals.filter(({ state }) => state === wanted).slice(0, maxNamed))
    gauge.set({ renewal: name }, 1);
}
