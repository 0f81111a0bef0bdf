import { CertfleetError } from '@certfleet/shared/errors.ts';
import { wildcard } from '@certfleet/shared/wildcard.ts';

/** Longer than any issuer key: four names of 256 characters. */
const maxPatternLength = 1_100;

/** Whether a text is short enough for a pattern. */
export function isUsablePattern(text: string): boolean {
  return text.length <= maxPatternLength;
}

/** A pattern for issuer keys in which `*` matches any text. */
export class IssuerPattern {
  readonly matches: (key: string) => boolean;

  /** Throws invalid-argument if the pattern is longer than any issuer key. */
  constructor(pattern: string) {
    if (!isUsablePattern(pattern)) {
      const message = `issuer pattern must have at most ${maxPatternLength} characters, found ${pattern.length}`;
      throw new CertfleetError('invalid-argument', message);
    }
    this.matches = wildcard(pattern);
  }
}
