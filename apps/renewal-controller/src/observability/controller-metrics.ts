import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { DispatchObserver } from '../dispatch/dispatch-observer.ts';
import type { FleetSummary } from '../fleet-index/fleet-summary.ts';
import { VolumeReport_Cause } from '@certfleet/shared/gen/fleet/v1/fleet.ts';

/** What the gauges show, taken at each scrape. */
export interface ControllerSnapshot {
  readonly summary: FleetSummary;
  readonly nodes: { readonly known: number; readonly silent: number; readonly connectedHere: number };
  readonly jobs: { readonly delayed: number; readonly waiting: number; readonly active: number };
  readonly redisLatencyMs: number | undefined;
}

const seconds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** Issuers by number of volumes whose states get series of their own; the rest is one more, so that labels are bounded. */
const namedIssuers = 50;

/** The controller's Prometheus metrics, in a registry of their own. Nothing is labelled by volume, pod or node. */
export class ControllerMetrics implements DispatchObserver {
  readonly registry = new Registry();
  readonly #dispatched = this.#counter('renewals_dispatched_total', 'Renewals handed to their node, by why.', [
    'cause',
  ]);
  readonly #held = this.#counter('renewals_held_total', 'Times a lane let a renewal wait, by reason.', ['reason']);
  readonly #settled = this.#counter('renewals_total', 'Ended renewals, by result and by the path they took.', [
    'result',
    'path',
  ]);
  readonly #lateness = this.#histogram('dispatch_lateness_seconds', 'Time from a renewal being due to its dispatch.');
  readonly #reports = this.#histogram('report_duration_seconds', "Time to take an agent's message into the index.");
  readonly #streams = this.#counter('agent_streams_ended_total', "Ended streams of agents, by gRPC's code.", ['code']);

  constructor(snapshot: () => Promise<ControllerSnapshot>) {
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 1000 });
    const volumes = this.#gauge('volumes', 'Volumes by state and issuer; the smaller issuers together as "other".', [
      'state',
      'issuer',
    ]);
    const soonest = this.#gauge(
      'soonest_not_after_timestamp_seconds',
      'Not-after of the certificate that expires next.',
    );
    const due = this.#gauge('volumes_due', 'Volumes past their renew-at.');
    const expired = this.#gauge('volumes_expired', 'Volumes past their not-after.');
    const nodes = this.#gauge('nodes', 'Nodes by whether their agent was heard of lately.', ['state']);
    const connected = this.#gauge('agents_connected', 'Agents whose stream this replica holds.');
    const jobs = this.#gauge('due_jobs', 'Jobs of the due queue, by state.', ['state']);
    const latency = this.#gauge('redis_latency_seconds', 'Round trip to Redis; -1 while it is away.');
    // One gauge collects for all, so that a scrape takes one pass over the index.
    const collect = async (): Promise<void> => {
      const { summary, nodes: counted, jobs: queued, redisLatencyMs } = await snapshot();
      total.set(summary.volumes);
      showIssuers(volumes, summary);
      soonest.set((summary.soonestExpiryMs ?? 0) / 1000);
      due.set(summary.due);
      expired.set(summary.expired);
      nodes.set({ state: 'silent' }, counted.silent);
      nodes.set({ state: 'online' }, counted.known - counted.silent);
      connected.set(counted.connectedHere);
      for (const [state, count] of Object.entries(queued)) jobs.set({ state }, count);
      latency.set(redisLatencyMs === undefined ? -1 : redisLatencyMs / 1000);
    };
    const total = new Gauge({
      ...named('index_volumes', 'Volumes in the index.'),
      registers: [this.registry],
      collect,
    });
  }

  dispatched: DispatchObserver['dispatched'] = (_volume, { cause, latenessMs }) => {
    this.#dispatched.inc({ cause });
    this.#lateness.observe(Math.max(0, latenessMs) / 1000);
  };

  held: DispatchObserver['held'] = (_volume, reason) => this.#held.inc({ reason });

  settled: DispatchObserver['settled'] = ({ cause }, result) => {
    const path = result !== 'ok' ? 'none' : cause === VolumeReport_Cause.JOB ? 'controller' : 'deadline';
    this.#settled.inc({ result, path });
  };

  streamEnded(code: string): void {
    this.#streams.inc({ code });
  }

  reportTaken(durationMs: number): void {
    this.#reports.observe(durationMs / 1000);
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ ...named(name, help), labelNames, registers: [this.registry] });
  }

  #gauge<Label extends string>(name: string, help: string, labelNames: Label[] = []): Gauge<Label> {
    return new Gauge({ ...named(name, help), labelNames, registers: [this.registry] });
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({ ...named(name, help), buckets: seconds, registers: [this.registry] });
  }
}

function named(name: string, help: string): { readonly name: string; readonly help: string } {
  return { name: `certfleet_controller_${name}`, help };
}

function showIssuers(gauge: Gauge<'state' | 'issuer'>, { issuers }: FleetSummary): void {
  gauge.reset();
  const largestFirst = [...issuers].sort((a, b) => b.volumes - a.volumes);
  for (const [place, { key, byState }] of largestFirst.entries()) {
    const issuer = place < namedIssuers ? key : 'other';
    for (const [state, count] of Object.entries(byState)) if (count > 0) gauge.inc({ state, issuer }, count);
  }
}
