import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';

/** How long the agent keeps a volume that was never published after a restart, until the kubelet publishes it again. */
const unpublishedGraceMs = 15 * 60_000;

/** Volumes of an earlier run that were never published and that the kubelet has not published again yet. */
export class UnclaimedVolumes {
  readonly #clock: Clock;
  readonly #discard: (volumeId: string) => void;
  readonly #timers = new Map<string, CancelTimer>();

  constructor(clock: Clock, discard: (volumeId: string) => void) {
    this.#clock = clock;
    this.#discard = discard;
  }

  /** Discards the volume if the kubelet does not publish it in time. */
  expect(volumeId: string): void {
    this.#timers.set(
      volumeId,
      this.#clock.schedule(unpublishedGraceMs, () => this.#discard(volumeId)),
    );
  }

  /** The kubelet publishes the volume again, so it is kept. */
  claim(volumeId: string): void {
    this.#timers.get(volumeId)?.();
    this.#timers.delete(volumeId);
  }

  stop(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }
}
