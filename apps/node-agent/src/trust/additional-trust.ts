import type { AskTrust, TrustAnswer } from '../volume/compose-trust.ts';
import { CaRotations } from './ca-rotations.ts';
import type { CaRotationsOptions } from './ca-rotations.ts';
import { TrustMonitor } from './trust-monitor.ts';
import type { TrustMonitorOptions } from './trust-monitor.ts';

export type AdditionalTrustOptions = Omit<CaRotationsOptions, 'onChange'> & TrustMonitorOptions;

/** The sources of additional trust of a node's volumes, and the updates that follow from them. */
export class AdditionalTrust {
  readonly #rotations: CaRotations;
  readonly #monitor: TrustMonitor;

  constructor(options: AdditionalTrustOptions) {
    this.#monitor = new TrustMonitor(options);
    this.#rotations = new CaRotations({ ...options, onChange: () => this.#monitor.sourcesChanged() });
  }

  /** What the sources say about a volume. */
  readonly ask: AskTrust = (_volume, own): TrustAnswer => this.#rotations.answer(own);

  /** Call it once the volumes of an earlier run are restored. */
  start(): void {
    this.#rotations.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#rotations.stop(), this.#monitor.stop()]);
  }
}
