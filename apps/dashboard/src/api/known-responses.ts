interface KnownResponse {
  readonly etag: string;
  readonly value: unknown;
}

const maxResponses = 40;

/**
 * The last responses by path, for requests that the server answers with "not modified". Only in memory: the browser's
 * cache would write them to the disk.
 */
export class KnownResponses {
  readonly #byPath = new Map<string, KnownResponse>();

  get(path: string): KnownResponse | undefined {
    return this.#byPath.get(path);
  }

  set(path: string, response: KnownResponse): void {
    this.#byPath.delete(path);
    this.#byPath.set(path, response);
    const [oldest] = this.#byPath.keys();
    if (this.#byPath.size > maxResponses && oldest !== undefined) this.#byPath.delete(oldest);
  }

  clear(): void {
    this.#byPath.clear();
  }
}
