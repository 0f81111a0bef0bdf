import { randomBytes } from 'node:crypto';
import type { PermitRequest } from '@certfleet/operator-api/lane-permits.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { LaneLimits } from '../signing/paced-lane.ts';
import { SharedLane } from './shared-lane.ts';
import type { AskPermits } from './shared-lane.ts';

/** A cert-manager issuer. */
export type IssuerName = PermitRequest['issuer'];

export interface SharedLanesOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined without a controller. */
  readonly ask: AskPermits | undefined;
  /** The limits of the LanePolicies for the lane of an issuer. */
  readonly limitsOf: (key: string) => LaneLimits;
  readonly random?: () => number;
}

/** The shortest time between two requests to the controller, which limits the requests per minute of each user. */
const minGapMs = 100;

/** The key of an issuer, as LanePolicies match it. */
export const issuerKeyOf = ({ kind, group, namespace, name }: IssuerName): string =>
  `${kind}.${group}/${namespace}/${name}`;

/** The lanes of issuers that this process shares with the renewals of CSI volumes: one for each issuer. */
export class SharedLanes {
  readonly #options: SharedLanesOptions;
  readonly #lanes = new Map<string, SharedLane>();

  constructor(options: SharedLanesOptions) {
    this.#options = options;
  }

  of(issuer: IssuerName): SharedLane {
    this.#forgetUnused();
    const key = issuerKeyOf(issuer);
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const { clock, log, ask, limitsOf, random } = this.#options;
    const lane = new SharedLane({
      clock,
      log: log.child({ lane: key }),
      issuer,
      // Of this lane: its requests are numbered.
      signer: randomBytes(12).toString('hex'),
      ask,
      minGapMs: () => minGapMs * Math.max(1, this.#lanes.size),
      limits: () => limitsOf(key),
      ...(random && { random }),
    });
    this.#lanes.set(key, lane);
    return lane;
  }

  /** Whether each lane in use is that of the controller. */
  gauges(): readonly { readonly issuer: string; readonly isShared: boolean }[] {
    this.#forgetUnused();
    return [...this.#lanes].map(([issuer, { isShared }]) => ({ issuer, isShared }));
  }

  stop(): void {
    for (const lane of this.#lanes.values()) lane.stop();
    this.#lanes.clear();
  }

  #forgetUnused(): void {
    for (const [key, lane] of this.#lanes) {
      if (!lane.isUnused) continue;
      lane.stop();
      this.#lanes.delete(key);
    }
  }
}
