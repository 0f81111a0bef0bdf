import { dispatchCauses, issuancePath } from '@certfleet/fleet-model/issuance-causes.ts';
import { causeNames } from '@certfleet/fleet-model/report-terms.ts';
import { dropMisnamedMetrics, labelCluster } from '@certfleet/shared/default-metrics.ts';
import { Cache } from '@certfleet/shared/cache.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { VolumeReport_Cause } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { DispatchObserver } from '../dispatch/dispatch-observer.ts';
import type { ReviewResult } from '../identity/review-client.ts';
import type { StateLoss } from '../redis/redis-epoch.ts';
import { registerGauges } from './controller-gauges.ts';
import type { ControllerSnapshot } from './controller-snapshot.ts';
import { IssuerNames } from './issuer-names.ts';
import { named } from './metric-names.ts';

const seconds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** Scrapes within this time share one snapshot. */
const snapshotMs = 3_000;

/** The controller's Prometheus metrics, in their own registry. No label contains a volume, pod or node. */
export class ControllerMetrics implements DispatchObserver {
  readonly registry = new Registry();
  readonly #clock: Clock;
  readonly #dispatched = this.#counter(
    'renewals_dispatched_total',
    'Renewals dispatched to the queue of their node, by cause.',
    ['cause'],
  );
  readonly #delayed = this.#counter('renewals_delayed_total', 'Times that a lane delayed a renewal, by wait reason.', [
    'reason',
  ]);
  readonly #settled = this.#counter('renewals_total', 'Finished renewals, by result and path.', ['result', 'path']);
  readonly #lateness = this.#histogram(
    'dispatch_lateness_seconds',
    'Time from the due time of a renewal to its dispatch.',
  );
  readonly #reports = this.#histogram('report_duration_seconds', "Time to apply an agent's message to the index.");
  readonly #reportLag = this.#histogram(
    'report_lag_seconds',
    'Time from a renewal, by the clock of its node, to the update of the index.',
  );
  readonly #reviews = this.#counter(
    'reviews_total',
    "Token and access reviews by the API server, by result: answered, forbidden for the controller's own credentials, or unavailable.",
    ['result'],
  );
  readonly #streams = this.#counter('agent_streams_ended_total', 'Ended agent streams, by gRPC status code.', ['code']);

  readonly #stateLosses = this.#counter(
    'redis_state_loss_total',
    'Times that Redis lost acknowledged writes: everything, or those of the last seconds.',
    ['lost'],
  );

  readonly #rollouts = this.#counter('rollouts_total', 'Rollouts of workloads after renewals, by result.', ['result']);
  readonly #rolloutsBlocked = new Gauge({
    ...named('rollouts_blocked', 'Workloads that need a rollout after renewals and must not be rolled now.'),
    registers: [this.registry],
  });

  constructor(snapshot: () => Promise<ControllerSnapshot>, clock: Clock, cluster?: string) {
    this.#clock = clock;
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 1000 });
    dropMisnamedMetrics(this.registry);
    labelCluster(this.registry, cluster);
    const snapshots = new Cache<ControllerSnapshot>({ clock, ttlMs: snapshotMs, maxEntries: 1 });
    registerGauges(this.registry, () => snapshots.load('', snapshot), {
      volumes: new IssuerNames(clock),
      // The lane gauges choose the rows to name themselves, so the number is not bounded here.
      lanes: new IssuerNames(clock, Infinity),
    });
    // Initialized to 0, because increase() in Prometheus would miss the first event of a new series.
    for (const cause of Object.keys(dispatchCauses)) this.#dispatched.inc({ cause }, 0);
    for (const path of ['controller', 'deadline']) this.#settled.inc({ result: 'ok', path }, 0);
    this.#settled.inc({ result: 'failed', path: 'none' }, 0);
    for (const result of ['answered', 'forbidden', 'unavailable']) this.#reviews.inc({ result }, 0);
    for (const result of ['started', 'failed']) this.#rollouts.inc({ result }, 0);
    for (const lost of ['everything', 'recent-writes']) this.#stateLosses.inc({ lost }, 0);
  }

  rolloutEnded(result: 'started' | 'failed'): void {
    this.#rollouts.inc({ result });
  }

  rolloutsBlocked(count: number): void {
    this.#rolloutsBlocked.set(count);
  }

  dispatched: DispatchObserver['dispatched'] = (_volume, { cause, latenessMs }) => {
    this.#dispatched.inc({ cause });
    this.#lateness.observe(Math.max(0, latenessMs) / 1000);
  };

  delayed: DispatchObserver['delayed'] = (_volume, reason) => this.#delayed.inc({ reason });

  settled: DispatchObserver['settled'] = ({ cause, certificate }, result) => {
    this.#settled.inc({ result, path: result === 'ok' ? pathOf(cause) : 'none' });
    if (result !== 'ok' || certificate === undefined) return;
    this.#reportLag.observe(Math.max(0, this.#clock.now() - certificate.issuedAtMs) / 1000);
  };

  reviewed(result: ReviewResult): void {
    this.#reviews.inc({ result });
  }

  streamEnded(code: string): void {
    this.#streams.inc({ code });
  }

  redisStateLost(lost: StateLoss): void {
    this.#stateLosses.inc({ lost });
  }

  reportTaken(durationMs: number): void {
    this.#reports.observe(durationMs / 1000);
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ ...named(name, help), labelNames, registers: [this.registry] });
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({ ...named(name, help), buckets: seconds, registers: [this.registry] });
  }
}

/** A mount is not a renewal of the controller or of the fallback deadline. */
function pathOf(cause: VolumeReport_Cause): string {
  const path = issuancePath(causeNames[cause]);
  return path === 'mount' ? 'other' : path;
}
