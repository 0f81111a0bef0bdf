import { isIP } from 'node:net';
import { lifetimePattern } from '@certfleet/operator-api/lifetime.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { optional } from '@certfleet/shared/flag-parsers.ts';

/** One of several words. */
export function oneOf<const Choice extends string>(...choices: readonly Choice[]): (text: string) => Choice {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined) {
      throw new CertfleetError('invalid-argument', `expected ${choices.join(' or ')}, found ${JSON.stringify(text)}`);
    }
    return found;
  };
}

/** Parses comma-separated addresses and CIDRs. */
export function networks(text: string): readonly string[] {
  const given = text.split(',').map((each) => each.trim());
  const list = given.filter((each) => each !== '');
  for (const each of list) {
    const [network = '', bits, ...rest] = each.split('/');
    const maxBits = isIP(network) === 6 ? 128 : 32;
    // A prefix of 0 would trust the X-Forwarded-For header of every client.
    const isPrefix = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) > 0 && Number(bits) <= maxBits);
    if (isIP(network) === 0 || !isPrefix || rest.length > 0) {
      throw new CertfleetError(
        'invalid-argument',
        `expected addresses or CIDRs such as 10.0.0.0/8, found ${JSON.stringify(each)}`,
      );
    }
  }
  return list;
}

/** A ServiceAccount as namespace/name; undefined if empty. */
export function optionalServiceAccount(text: string): string | undefined {
  if (text === '' || /^[a-z0-9-]+\/[a-z0-9.-]+$/.test(text)) return optional(text);
  throw new CertfleetError('invalid-argument', `expected namespace/name, found ${JSON.stringify(text)}`);
}

/** Braces would change the hash tags; `*` and `?` would change the meaning of ACL patterns. */
export function keyPrefix(text: string): string {
  if (/^[a-zA-Z0-9_.-]{1,64}$/.test(text)) return text;
  throw new CertfleetError(
    'invalid-argument',
    `expected letters, digits, dots, dashes and underscores, found ${JSON.stringify(text)}`,
  );
}

/** A length such as `90d`; undefined if empty. */
export function optionalLifetime(text: string): string | undefined {
  if (text === '' || new RegExp(lifetimePattern).test(text)) return optional(text);
  throw new CertfleetError('invalid-argument', `expected a length such as 90d or 720h, found ${JSON.stringify(text)}`);
}

/** A signature algorithm, with `*` for any text; sixteen of them, separated by commas, are one filter. */
export function signaturePattern(text: string): string {
  if (/^[A-Za-z0-9*._/-]{1,15}$/.test(text)) return text;
  throw new CertfleetError(
    'invalid-argument',
    `expected a part of the name of a signature algorithm such as *sha1*, of at most 15 characters, found ${JSON.stringify(text)}`,
  );
}
