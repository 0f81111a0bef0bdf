import { VolumeReport_State } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { issuerKey } from './volume-state.ts';
import type { IssuerName, VolumeState } from './volume-state.ts';

/** The words of metrics and pages for a volume's state. */
export type VolumeStateName = 'pending' | 'ready' | 'failing' | 'expired' | 'unknown';

/** Volumes of one issuer. */
export interface IssuerSummary {
  readonly issuer: IssuerName;
  readonly key: string;
  readonly volumes: number;
  readonly byState: Readonly<Record<VolumeStateName, number>>;
  readonly soonestExpiryMs: number | undefined;
}

/** The fleet in numbers. */
export interface FleetSummary {
  readonly volumes: number;
  readonly byState: Readonly<Record<VolumeStateName, number>>;
  readonly issuers: readonly IssuerSummary[];
  readonly soonestExpiryMs: number | undefined;
  /** Volumes past their renew-at. */
  readonly due: number;
  /** Volumes past not-after. */
  readonly expired: number;
}

const none = { pending: 0, ready: 0, failing: 0, expired: 0, unknown: 0 } as const;
const names = new Map<number, VolumeStateName>([
  [VolumeReport_State.PENDING, 'pending'],
  [VolumeReport_State.READY, 'ready'],
  [VolumeReport_State.FAILING, 'failing'],
  [VolumeReport_State.EXPIRED, 'expired'],
]);

/** What a volume's state is called; one that has run out is expired whatever its agent last said. */
export function stateName({ state, certificate }: VolumeState, nowMs: number): VolumeStateName {
  if (certificate !== undefined && certificate.notAfterMs <= nowMs) return 'expired';
  return names.get(state) ?? 'unknown';
}

/** Counts volumes in one pass. */
export function summarize(volumes: Iterable<VolumeState>, nowMs: number): FleetSummary {
  const issuers = new Map<string, Counter>();
  const all = new Counter();
  for (const volume of volumes) {
    const key = issuerKey(volume.issuer);
    let counter = issuers.get(key);
    if (counter === undefined) issuers.set(key, (counter = new Counter(volume.issuer)));
    const name = stateName(volume, nowMs);
    counter.count(volume, name, nowMs);
    all.count(volume, name, nowMs);
  }
  return {
    ...all.totals(),
    due: all.due,
    expired: all.byState.expired,
    issuers: [...issuers].flatMap(([key, counter]) =>
      counter.issuer === undefined ? [] : [{ issuer: counter.issuer, key, ...counter.totals() }],
    ),
  };
}

class Counter {
  readonly issuer: IssuerName | undefined;
  readonly byState: Record<VolumeStateName, number> = { ...none };
  volumes = 0;
  due = 0;
  soonestExpiryMs: number | undefined;

  constructor(issuer?: IssuerName) {
    this.issuer = issuer;
  }

  count({ certificate }: VolumeState, name: VolumeStateName, nowMs: number): void {
    this.volumes += 1;
    this.byState[name] += 1;
    if (certificate === undefined) return;
    if (certificate.renewAtMs <= nowMs) this.due += 1;
    if (this.soonestExpiryMs === undefined || certificate.notAfterMs < this.soonestExpiryMs)
      this.soonestExpiryMs = certificate.notAfterMs;
  }

  totals(): Pick<FleetSummary, 'volumes' | 'byState' | 'soonestExpiryMs'> {
    return { volumes: this.volumes, byState: this.byState, soonestExpiryMs: this.soonestExpiryMs };
  }
}
