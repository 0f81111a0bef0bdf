import { RenewingVolumes } from './operated-fleet.ts';

/** Volumes whose renewals, once begun, wait until the test permits them. */
export class GatedVolumes extends RenewingVolumes {
  /** Begun renewals, as volume id and generation, in order. */
  readonly begun: string[] = [];
  readonly #waiting: (() => void)[] = [];
  #permits = 0;

  /** Permits this many further renewals. */
  permit(count: number): void {
    this.#permits += count;
    while (this.#permits > 0 && this.#waiting.length > 0) {
      this.#permits -= 1;
      this.#waiting.shift()?.();
    }
  }

  override async renew(volumeId: string, generation: number): Promise<string> {
    this.begun.push(`${volumeId}@${generation}`);
    if (this.#permits > 0) this.#permits -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return await super.renew(volumeId, generation);
  }

  /** The volumes whose certificates were replaced, each once per replacement. */
  get renewed(): readonly string[] {
    return this.renewals.map(({ volumeId }) => volumeId).sort();
  }
}
