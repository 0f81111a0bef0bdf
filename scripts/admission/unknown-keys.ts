// The problems of attributes that are not in the table. CEL has no edit distance, so no attribute is suggested.
import { attributeGroup } from '../../apps/node-agent/src/spec/attributes.ts';
import { kubeletGroup } from '../../apps/node-agent/src/spec/pod-identity.ts';
import { dnsSubdomain, namePart, nameWords } from '../../apps/node-agent/src/spec/qualified-name.ts';
import { driverInGroup, knownNames, unknownWords } from '../../apps/node-agent/src/spec/unknown-attributes.ts';
import { keyOf, pattern, quote, shown } from './cel.ts';

const ofGroup = (group: string): string => `k.startsWith(${quote(`${group}/`)})`;
const nameOfKey = 'k.substring(k.indexOf("/") + 1)';
const groupOfKey = 'k.substring(0, k.indexOf("/"))';
const known = (names: readonly string[]): string => `[${names.map(quote).join(', ')}]`;

/** Keys that mean nothing: of the driver's group, or without a group. */
const unknownKey = `(${ofGroup(attributeGroup)} ? !(k in ${known(knownNames.map(keyOf))}) : !k.contains("/"))`;
/** Keys of a group that has the driver's name, with the name of an attribute. */
const misspeltKey =
  `(k.contains("/") && !${ofGroup(attributeGroup)} && !${ofGroup(kubeletGroup)} && ` +
  `${groupOfKey}.lowerAscii().matches(${pattern(driverInGroup)}) && ${nameOfKey} in ${known(knownNames)})`;

/** The sentences about attributes without effect: a list of strings. */
export const ignoredKeys =
  `a.filter(k, ${unknownKey}).map(k, ["\\"" + ${shown('k')} + "\\""].map(q, ${sentence(unknownWords.ignored)})[0]) + ` +
  `a.filter(k, ${misspeltKey}).map(k, ["\\"" + ${shown('k')} + "\\""].map(q, ${sentence(unknownWords.annotation)})[0])`;

function sentence(words: (quotedKey: string) => string): string {
  const [before = '', after = ''] = words('\0').split('\0');
  return `${quote(before)} + q + ${quote(after)}`;
}

/** The problems of a driver that refuses attributes without effect. */
export const refusedKeys = `a.filter(k, ${unknownKey} || ${misspeltKey}).map(k, [string(k), "Forbidden", ${quote(unknownWords.refused)}])`;

const annotationReason =
  `size(k.split("/")) > 2 ? ${quote(nameWords.slashes)} : ` +
  `size(${groupOfKey}) > 253 || !${groupOfKey}.lowerAscii().matches(${pattern(dnsSubdomain)}) ? ${quote(nameWords.prefix)} : ` +
  `!${nameOfKey}.matches(${pattern(namePart)}) ? ${quote(nameWords.name)} : ""`;

/** The problems of attributes of other groups, which become annotations. Other letters than ASCII are not judged. */
export const annotationProblems =
  `a.filter(k, k.contains("/") && !${ofGroup(attributeGroup)} && !${ofGroup(kubeletGroup)} && k.matches(r'^[ -~]*$'))` +
  `.map(k, [string(k), "=" + k, [${annotationReason}].map(w, w == "" ? "" : ${quote(unknownWords.badAnnotation)} + w)[0]])`;
