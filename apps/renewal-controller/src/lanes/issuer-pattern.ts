import { CertfleetError } from '@certfleet/shared/errors.ts';

/** Longer than any issuer key: four names of 256 characters. */
const maxPatternLength = 1_100;

/** Whether a text can be a pattern. */
export function isPattern(text: string): boolean {
  return text.length <= maxPatternLength;
}

/**
 * A pattern in which `*` matches any text. Its parts are searched one after another, each after the previous match,
 * without backtracking: issuer names come from nodes, and matching must be linear in their length.
 */
export class IssuerPattern {
  readonly #first: string;
  readonly #middle: readonly string[];
  /** Undefined for a pattern without `*`. */
  readonly #last: string | undefined;

  /** Throws invalid-argument if the pattern is longer than any issuer key. */
  constructor(pattern: string) {
    if (!isPattern(pattern)) {
      const message = `issuer pattern must have at most ${maxPatternLength} characters, found ${pattern.length}`;
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
