import { CertfleetError } from '../../../libs/shared/src/errors.ts';
import { RenewingVolumes } from './operated-fleet.ts';
import { failureOf } from './volume-report.ts';

const refusal = 'rate limit exceeded: 429 Too Many Requests';

/** Volumes whose renewals, once begun, wait until the test permits them. */
export class GatedVolumes extends RenewingVolumes {
  /** Begun renewals, as volume id and generation, in order. */
  readonly begun: string[] = [];
  readonly #waiting: (() => void)[] = [];
  #permits = 0;
  /** Whether the issuer rejects permitted renewals. */
  isRefusing = false;

  /** Permits this many further renewals. */
  permit(count: number): void {
    this.#permits += count;
    while (this.#permits > 0 && this.#waiting.length > 0) {
      this.#permits -= 1;
      this.#waiting.shift()?.();
    }
  }

  override async renew(volumeId: string, generation: number): Promise<string> {
    // A job that the queue repeats after the renewal renews nothing.
    const isRepeated = (): boolean => this.report(volumeId)?.generation !== generation;
    if (isRepeated()) return await super.renew(volumeId, generation);
    this.begun.push(`${volumeId}@${generation}`);
    if (this.#permits > 0) this.#permits -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (isRepeated()) this.permit(1);
    else if (this.isRefusing) this.#fail(volumeId);
    return await super.renew(volumeId, generation);
  }

  #fail(volumeId: string): never {
    const before = this.report(volumeId);
    if (before !== undefined)
      this.set(volumeId, { ...before, lastFailure: failureOf({ message: refusal, attempts: 1 }) });
    throw new CertfleetError('resource-exhausted', refusal);
  }

  /** The volumes whose certificates were replaced, each once per replacement. */
  get renewed(): readonly string[] {
    return this.renewals.map(({ volumeId }) => volumeId).sort();
  }
}
