/** The part of a qualified name after the slash. */
export const namePart = /^[a-z0-9]([-a-z0-9_.]{0,61}[a-z0-9])?$/i;
const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** The part of a qualified name before the slash, without its maximum length. */
export const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Whether the text is a DNS label by RFC 1123, as Kubernetes requires for the name of a namespace. */
export function isDnsLabel(text: string): boolean {
  return dnsLabel.test(text);
}

/** Whether the text is a DNS subdomain by RFC 1123, as Kubernetes requires for the names of most objects. */
export function isDnsSubdomain(text: string): boolean {
  return text.length <= 253 && dnsSubdomain.test(text);
}

/** The problems of a qualified name. */
export const nameWords = {
  slashes: 'an annotation key has at most one "/"',
  prefix: 'the part before the "/" must be a DNS subdomain',
  name: 'the name must be 1 to 63 letters, digits, "-", "_" or ".", with a letter or digit at both ends',
} as const;

/**
 * The problem of an annotation's key by Kubernetes' rules for qualified names; undefined if there is none. The API
 * server converts annotation keys to lower case before the check, so upper case in the prefix is allowed.
 */
export function annotationKeyProblem(key: string): string | undefined {
  const parts = key.toLowerCase().split('/');
  const [prefix, name] = parts.length === 1 ? [undefined, parts[0]] : parts;
  if (parts.length > 2) return nameWords.slashes;
  if (prefix !== undefined && !isDnsSubdomain(prefix)) return nameWords.prefix;
  if (name === undefined || !namePart.test(name)) return nameWords.name;
  return undefined;
}
