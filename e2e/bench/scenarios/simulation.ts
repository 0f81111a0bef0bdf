import { simulate } from '../../fleet/simulation/simulation.ts';
import type { Figure } from '../figure.ts';
import type { FleetScenario } from '../scenario.ts';

const nothing: Figure['goal'] = { of: 'agent', is: '≤', value: 0 };

/** 200 nodes with 20,000 volumes of 2,000 issuers; each volume is renewed once within some minutes. */
export const simulationScenario: FleetScenario = {
  name: 'simulation',
  async run(log) {
    const result = await simulate({
      program: 'bundle',
      nodes: 200,
      volumes: 20_000,
      issuers: 2_000,
      crowd: 1_000,
      hosts: 1,
      lifetimeMs: 300_000,
      spreadMs: 200_000,
      enrolMs: 60_000,
    });
    log(`simulation: ${JSON.stringify(result)}`);
    const figure = (name: string, unit: Figure['unit'], value: number, goal?: Figure['goal']): Figure => ({
      name: `simulation-${name}`,
      unit,
      agent: [value],
      ...(goal && { goal }),
    });
    return [
      figure('renewals', '', result.renewals),
      figure('rate', '1/s', result.renewalsPerSecond),
      figure('forgotten', '', result.forgotten, nothing),
      figure('by-own-deadline', '', result.byDeadline, nothing),
      figure('expired', '', result.expired, nothing),
      figure('lanes-beyond-limits', '', result.beyondLimits.length, nothing),
      figure('lateness-p50', 'ms', result.lateness.p50),
      figure('lateness-p99', 'ms', result.lateness.p99),
      figure('lateness-most', 'ms', result.lateness.most),
    ];
  },
};
