import { CertfleetError } from '@certfleet/shared/errors.ts';
import { parseGoDuration } from '@certfleet/shared/go-duration.ts';

/** An error whose message describes the valid values; the reader adds attribute and value. */
export function invalidValue(why: string): CertfleetError {
  return new CertfleetError('invalid-argument', why);
}

/** Exactly `true` or `false`; YAML's other spellings are errors, as in csi-driver. */
export function parseBoolean(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw invalidValue('must be true or false');
}

/** A decimal integer within the range of a JavaScript integer; a sign is allowed, as in Go's strconv. */
export function parseInteger(text: string): number {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw invalidValue('must be an integer');
  return value;
}

/** A group id: 1 to 4294967295. */
export function parseGroupId(text: string): number {
  const id = parseInteger(text);
  if (id < 1 || id > 4_294_967_295) throw invalidValue('must be a group id from 1 to 4294967295');
  return id;
}

/** A user id: 0 to 4294967294; the next number means "unchanged" to the system. */
export function parseUserId(text: string): number {
  const id = parseInteger(text);
  if (id < 0 || id > 4_294_967_294) throw invalidValue('must be a user id from 0 to 4294967294');
  return id;
}

/** Permission bits in octal. Without a leading 0 they could be the decimal number that JSON has. */
export function parseMode(text: string): number {
  const digits = /^0o?([0-7]{1,4})$/.exec(text)?.[1];
  const mode = Number.parseInt(digits ?? '', 8);
  if (mode >= 0 && mode <= 0o777) return mode;
  throw invalidValue('must be octal permission bits with a leading 0, from "0000" to "0777", such as "0400"');
}

/** A duration in Go's syntax, in milliseconds (possibly fractional). */
export function parseDuration(text: string): number {
  try {
    return parseGoDuration(text);
  } catch {
    throw invalidValue('must be a Go duration such as "1h30m", "90s" or "1.5h"');
  }
}

/** A duration greater than 0. */
export function parsePositiveDuration(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs <= 0) throw invalidValue('must be greater than 0');
  return durationMs;
}

/** Returns a parser for one of several keywords in any case; the result has the spelling of the list. */
export function oneOf<const Keyword extends string>(keywords: readonly Keyword[]): (text: string) => Keyword {
  return (text) => {
    const word = keywords.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
    if (word === undefined) throw invalidValue(`must be one of ${keywords.join(', ')}`);
    return word;
  };
}

/** Text without control characters, of at most `maxLength` characters. */
export function plainText(maxLength: number): (text: string) => string {
  return (text) => {
    if (/\p{Cc}/u.test(text))
      throw invalidValue('must not contain control characters, not even a line break at its end');
    if (text.length > maxLength) throw invalidValue(`must be at most ${maxLength} characters long`);
    return text;
  };
}

/** The name of one file in the volume's directory. Names that begin with `..` are reserved for the atomic writer. */
export function parseFileName(text: string): string {
  if (/\p{Cc}/u.test(text)) throw invalidValue('a file name must not contain control characters');
  if (text.includes('/')) throw invalidValue('a file name must not contain "/"');
  if (text === '.' || text.startsWith('..')) throw invalidValue('a file name must not be "." nor begin with ".."');
  if (text.trim() !== text) throw invalidValue('a file name must not begin or end with a space');
  // NAME_MAX counts bytes.
  if (Buffer.byteLength(text) > 255) throw invalidValue('a file name must be at most 255 bytes long');
  return text;
}
