import { CertfleetError } from '@certfleet/shared/errors.ts';

/** Longer than any issuer's key: four names of 256 characters. */
const maxPatternLength = 1_100;

/**
 * A pattern in which `*` stands for any text. Its parts are searched one after another, each from where the one before
 * ended, which needs no backtracking: names of issuers come from nodes, and none may cost more than its length.
 */
export class IssuerPattern {
  readonly #first: string;
  readonly #middle: readonly string[];
  /** Undefined for a pattern without `*`. */
  readonly #last: string | undefined;

  /** Throws invalid-argument for a pattern that is longer than any name. */
  constructor(pattern: string) {
    if (pattern.length > maxPatternLength) {
      const message = `an issuer pattern has at most ${maxPatternLength} characters, found ${pattern.length}`;
      throw new CertfleetError('invalid-argument', message);
    }
    const parts = pattern.split('*');
    this.#first = parts[0] ?? '';
    this.#last = parts.length === 1 ? undefined : parts.at(-1);
    this.#middle = parts.slice(1, -1).filter((part) => part !== '');
  }

  matches(key: string): boolean {
    if (this.#last === undefined) return key === this.#first;
    const end = key.length - this.#last.length;
    let from = this.#first.length;
    if (from > end || !key.startsWith(this.#first) || !key.endsWith(this.#last)) return false;
    for (const part of this.#middle) {
      const at = key.indexOf(part, from);
      if (at === -1) return false;
      from = at + part.length;
    }
    return from <= end;
  }
}
