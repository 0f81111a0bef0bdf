import type { LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';

/** The fractional part of the golden ratio: its multiples, modulo 1, are spread evenly for any number of them. */
const goldenStep = 0.6180339887498949;

/**
 * Spreads the refreshes of equal certificates evenly over a part of their lifetime, also of those that were issued within
 * one second.
 */
export class RefreshSpread {
  #position: number;

  constructor(random: () => number = Math.random) {
    this.#position = random();
  }

  /** How much earlier the next certificate is to be refreshed, in milliseconds. */
  nextEarlierMs(lifetimeMs: number, { jitter, maxJitterMs }: Pick<LanePolicy, 'jitter' | 'maxJitterMs'>): number {
    this.#position = (this.#position + goldenStep) % 1;
    return this.#position * Math.min(lifetimeMs * jitter, maxJitterMs);
  }
}
