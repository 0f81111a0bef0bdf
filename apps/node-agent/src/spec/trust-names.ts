import { invalidValue } from './scalar-values.ts';

const objectName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
/** A bundle of a signer begins with the signer's name, in which colons replace slashes. */
const bundleName = /^[a-z0-9]([-a-z0-9.:]*[a-z0-9])?$/;
const maxName = 253;

export function parseConfigMapName(text: string): string {
  if (text.length <= maxName && objectName.test(text)) return text;
  throw invalidValue('must be the name of a ConfigMap: lower-case letters, digits, "-" and "."');
}

export function parseConfigMapKey(text: string): string {
  if (text.length <= maxName && /^[-._a-zA-Z0-9]+$/.test(text)) return text;
  throw invalidValue('must be a key of a ConfigMap: letters, digits, "-", "_" and "."');
}

export function parseBundleName(text: string): string {
  if (text.length <= maxName && bundleName.test(text)) return text;
  throw invalidValue('must be the name of a ClusterTrustBundle: lower-case letters, digits, "-", "." and ":"');
}
