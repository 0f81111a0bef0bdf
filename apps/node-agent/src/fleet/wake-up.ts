/** Lets one loop sleep until `call`; calls while it is awake are not lost. */
export class WakeUp {
  #isDue = false;
  #proceed: (() => void) | undefined;

  call(): void {
    this.#isDue = true;
    this.#proceed?.();
  }

  /** Resolves at the next call, or immediately if there was one since the last wait. */
  async wait(): Promise<void> {
    if (!this.#isDue) await new Promise<void>((resolve) => (this.#proceed = resolve));
    this.#isDue = false;
    this.#proceed = undefined;
  }
}
