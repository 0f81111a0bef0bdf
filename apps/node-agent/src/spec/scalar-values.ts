import { parseGoDuration } from '@certfleet/shared/go-duration.ts';
import { checkedText, controlCharacters, invalidValue, outerSpace, parserOf } from './text-rule.ts';
import type { Parser, TextRule } from './text-rule.ts';

/** Exactly `true` or `false`; YAML's other spellings are errors, as in csi-driver. */
export const parseBoolean: Parser<boolean> = parserOf(
  [{ matches: /^(?:true|false)$/, why: 'must be true or false' }],
  (text) => text === 'true',
);

const integerText: TextRule = { matches: /^[+-]?\d+$/, why: 'must be an integer' };
const safeRange = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const;

/** A decimal integer within the range of a JavaScript integer; a sign is allowed, as in Go's strconv. */
export const parseInteger: Parser<number> = parserOf([integerText, { range: safeRange, why: integerText.why }], Number);

/** Returns a parser for an integer within bounds, which are part of the reason. */
export function integerFrom(min: number, max: number, what: string): Parser<number> {
  const bounds: TextRule = { range: [min, max], why: `must be ${what} from ${min} to ${max}` };
  return parserOf([...(parseInteger.rules ?? []), bounds], Number);
}

/** A group id: 1 to 4294967295. */
export const parseGroupId = integerFrom(1, 4_294_967_295, 'a group id');

/** A user id: 0 to 4294967294; the next number means "unchanged" to the system. */
export const parseUserId = integerFrom(0, 4_294_967_294, 'a user id');

/** Permission bits in octal. Without a leading 0 they could be the decimal number that JSON has. */
export const parseMode: Parser<number> = parserOf(
  [
    {
      matches: /^0o?0?[0-7]{1,3}$/,
      why: 'must be octal permission bits with a leading 0, from "0000" to "0777", such as "0400"',
    },
  ],
  (text) => Number.parseInt(text.replace('o', ''), 8),
);

const goDuration: TextRule = {
  matches: /^[+-]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$/u,
  why: 'must be a Go duration such as "1h30m", "90s" or "1.5h"',
};

function durationMs(text: string): number {
  try {
    return parseGoDuration(text);
  } catch {
    throw invalidValue(goDuration.why);
  }
}

/** A duration in Go's syntax, in milliseconds (possibly fractional). */
export const parseDuration: Parser<number> = parserOf([goDuration], durationMs);

/** Of a valid duration: a digit above 0, and no sign that makes it negative. */
const positive: TextRule = { matches: /^[^-]*[1-9]/, why: 'must be greater than 0' };

/** A duration greater than 0. */
export const parsePositiveDuration: Parser<number> = parserOf([goDuration, positive], (text) => {
  const value = durationMs(text);
  // Less than a nanosecond.
  if (value <= 0) throw invalidValue(positive.why);
  return value;
});

/**
 * Returns a parser for one of several keywords in any case; the result has the spelling of the list.
 * @param others further accepted words, which map to a keyword
 */
export function oneOf<const Keyword extends string>(
  keywords: readonly Keyword[],
  others: Readonly<Record<string, Keyword>> = {},
): Parser<Keyword> {
  const byName = new Map([
    ...keywords.map((keyword) => [keyword.toLowerCase(), keyword] as const),
    ...Object.entries(others),
  ]);
  const why = `must be one of ${keywords.join(', ')}`;
  return parserOf([{ matches: new RegExp(`^(?:${[...byName.keys()].join('|')})$`, 'iu'), why }], (text) => {
    const keyword = byName.get(text.toLowerCase());
    if (keyword === undefined) throw invalidValue(why);
    return keyword;
  });
}

/** Text without control characters, of at most `maxLength` characters. */
export function plainText(maxLength: number): Parser<string> {
  return checkedText([
    { matchesNot: controlCharacters, why: 'must not contain control characters, not even a line break at its end' },
    { maxLength, why: `must be at most ${maxLength} characters long` },
  ]);
}

/** The name of one file in the volume's directory. Names that begin with `..` are reserved for the atomic writer. */
export const parseFileName: Parser<string> = checkedText([
  { matchesNot: controlCharacters, why: 'a file name must not contain control characters' },
  { matchesNot: /\//, why: 'a file name must not contain "/"' },
  { matchesNot: /^\.$|^\.\./, why: 'a file name must not be "." nor begin with ".."' },
  { matchesNot: outerSpace, why: 'a file name must not begin or end with a space' },
  // NAME_MAX counts bytes.
  { maxBytes: 255, why: 'a file name must be at most 255 bytes long' },
]);
