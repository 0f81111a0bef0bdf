import { CertfleetError } from '@certfleet/shared/errors.ts';

/**
 * A condition of an attribute's text that the API server can check too: scripts/admission makes CEL of it. Patterns
 * are therefore limited to what JavaScript and RE2 have in common: no lookaround, no back-references, no `\s`.
 */
export interface TextRule {
  /** The reason in the error. */
  readonly why: string;
  readonly matches?: RegExp;
  readonly matchesNot?: RegExp;
  /** In UTF-16 code units; the API server counts code points, of which a text never has more. */
  readonly maxLength?: number;
  /** In UTF-8. */
  readonly maxBytes?: number;
  /** Bounds of a decimal integer; an earlier rule ensures that the text is one. */
  readonly range?: readonly [min: number, max: number];
}

/** Parses an attribute's text. Its rules are necessary conditions of a valid text; the parser can have more. */
export interface Parser<Value> {
  /** @throws CertfleetError whose message follows the value in the error */
  (text: string): Value;
  readonly rules?: readonly TextRule[];
  /** Rules of each item, for a comma separated list whose items are trimmed. */
  readonly itemRules?: readonly TextRule[];
}

/** An error whose message describes the valid values; the reader adds attribute and value. */
export function invalidValue(why: string): CertfleetError {
  return new CertfleetError('invalid-argument', why);
}

function accepts({ matches, matchesNot, maxLength, maxBytes, range }: TextRule, text: string): boolean {
  if (matches?.test(text) === false || matchesNot?.test(text) === true) return false;
  if (maxLength !== undefined && text.length > maxLength) return false;
  if (maxBytes !== undefined && Buffer.byteLength(text) > maxBytes) return false;
  return range === undefined || (Number(text) >= range[0] && Number(text) <= range[1]);
}

/** A parser that checks the rules in their order, then converts the text. */
export function parserOf<Value>(rules: readonly TextRule[], convert: (text: string) => Value): Parser<Value> {
  const parse = (text: string): Value => {
    const broken = rules.find((rule) => !accepts(rule, text));
    if (broken !== undefined) throw invalidValue(broken.why);
    return convert(text);
  };
  return Object.assign(parse, { rules });
}

const asIs = (text: string): string => text;

/** A parser that returns the text if it follows the rules. */
export function checkedText(rules: readonly TextRule[]): Parser<string> {
  return parserOf(rules, asIs);
}

/** No control characters, not even a line break at the end. */
export const controlCharacters = /\p{Cc}/u;

/** White space at either end, besides control characters. */
export const outerSpace = /^[\p{Z}\ufeff]|[\p{Z}\ufeff]$/u;
