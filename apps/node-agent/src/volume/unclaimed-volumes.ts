import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';

/** How long a volume that was never published waits after a restart for the kubelet to come back for it. */
const unpublishedGraceMs = 15 * 60_000;

/** Volumes of an earlier run that were never published and that the kubelet has not asked for yet. */
export class UnclaimedVolumes {
  readonly #clock: Clock;
  readonly #discard: (volumeId: string) => void;
  readonly #timers = new Map<string, CancelTimer>();

  constructor(clock: Clock, discard: (volumeId: string) => void) {
    this.#clock = clock;
    this.#discard = discard;
  }

  /** Waits for the kubelet to come for the volume, and has it discarded otherwise. */
  expect(volumeId: string): void {
    this.#timers.set(
      volumeId,
      this.#clock.schedule(unpublishedGraceMs, () => this.#discard(volumeId)),
    );
  }

  /** The kubelet has come for the volume: it is the kubelet's again. */
  claim(volumeId: string): void {
    this.#timers.get(volumeId)?.();
    this.#timers.delete(volumeId);
  }

  stop(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }
}
