import { checkedText } from './text-rule.ts';
import type { Parser } from './text-rule.ts';

const maxName = 253;

function nameOf(pattern: RegExp, why: string): Parser<string> {
  return checkedText([
    { matches: pattern, why },
    { maxLength: maxName, why },
  ]);
}

export const parseConfigMapName = nameOf(
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  'must be the name of a ConfigMap: lower-case letters, digits, "-" and "."',
);

export const parseConfigMapKey = nameOf(
  /^[-._a-zA-Z0-9]+$/,
  'must be a key of a ConfigMap: letters, digits, "-", "_" and "."',
);

/** A bundle of a signer begins with the signer's name, in which colons replace slashes. */
export const parseBundleName = nameOf(
  /^[a-z0-9]([-a-z0-9.:]*[a-z0-9])?$/,
  'must be the name of a ClusterTrustBundle: lower-case letters, digits, "-", "." and ":"',
);
