import { isIP } from 'node:net';
import { integerFrom } from './scalar-values.ts';
import { invalidValue, parserOf } from './text-rule.ts';
import type { Parser } from './text-rule.ts';

const why = 'must be a DNS name without a wildcard and without a dot at its end';

/** A TCP port: 1 to 65535. */
export const parsePort: Parser<number> = integerFrom(1, 65_535, 'a TCP port');

/** A name for the TLS extension server_name: RFC 6066 allows DNS names only, without a dot at the end. */
export const parseServerName: Parser<string> = parserOf(
  [
    { maxLength: 253, why },
    {
      matches: /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i,
      why,
    },
  ],
  (text) => {
    if (isIP(text) !== 0) throw invalidValue(why);
    return text;
  },
);
