import { inspect } from 'node:util';

const redacted = '[redacted]';

/**
 * Holds a password or token so that it cannot leak by accident: JSON, string conversion and console output show
 * `[redacted]`; only `reveal()` returns the value.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}
