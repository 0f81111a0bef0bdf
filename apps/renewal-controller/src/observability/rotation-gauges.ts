import type { Gauge } from 'prom-client';
import type { ControllerSnapshot } from './controller-snapshot.ts';

type Register = (
  name: string,
  labels: readonly string[],
  help: string,
  show: (gauge: Gauge, snapshot: ControllerSnapshot) => void,
) => void;

/** Registers the gauges of the unfinished CA rotations; at most 50 are named. */
export function rotationGauges(gauge: Register): void {
  gauge(
    'ca_rotation_phase_age_seconds',
    ['rotation', 'phase'],
    'Time since the phase of an unfinished CA rotation began.',
    (g, { rotations, atMs }) => {
      for (const { name, phase, phaseStartedMs } of rotations)
        g.set({ rotation: name, phase }, Math.max(0, atMs - phaseStartedMs) / 1000);
    },
  );
  gauge(
    'ca_rotation_blocked_volumes',
    ['rotation'],
    'Volumes that the phase of a CA rotation waits for.',
    (g, { rotations }) => {
      for (const { name, blocked } of rotations) g.set({ rotation: name }, blocked);
    },
  );
  gauge(
    'ca_rotation_stopped',
    ['rotation', 'reason'],
    '1 for each CA rotation that does not continue, with the reason; not if it is suspended or awaits an approval.',
    (g, { rotations }) => {
      for (const { name, stopped } of rotations)
        if (stopped !== undefined) g.set({ rotation: name, reason: stopped }, 1);
    },
  );
  gauge(
    'ca_rotation_proposed',
    ['rotation'],
    '1 for each CA rotation that the controller proposes because an issuer signs with another CA than before.',
    (g, { rotations }) => {
      for (const { name, isProposed } of rotations) if (isProposed) g.set({ rotation: name }, 1);
    },
  );
}
