/** Times in which the API server or the issuer may not answer. */
export class Outages {
  readonly #times: { readonly fromMs: number; toMs: number }[] = [];

  /** @returns what notes the end */
  begin(): () => void {
    const time = { fromMs: Date.now(), toMs: Infinity };
    this.#times.push(time);
    return () => (time.toMs = Date.now());
  }

  includes(timeMs: number): boolean {
    return this.#times.some(({ fromMs, toMs }) => timeMs >= fromMs && timeMs <= toMs);
  }
}
