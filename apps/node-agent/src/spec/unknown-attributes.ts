import { quoted } from './attribute-problems.ts';
import type { AttributeProblems } from './attribute-problems.ts';
import { attributeGroup, attributes } from './attributes.ts';
import { editDistance, nearestName } from './nearest-name.ts';
import { kubeletGroup } from './pod-identity.ts';
import { annotationKeyProblem } from './qualified-name.ts';

/** Kubernetes' limit for the total size of an object's annotations, keys and values, in bytes. */
const maxAnnotationBytes = 256 * 1024;

export const knownNames = Object.values(attributes).flatMap(({ name, alias }) =>
  alias === undefined ? [name] : [name, alias],
);
const isKnown: ReadonlySet<string> = new Set(knownNames);

/** Maximum number of described attributes: each is compared with every known one to find a suggestion. */
const maxWarnings = 32;
/** Maximum edit distance of a misspelt group, such as `csi.cert-manager`. */
const nearGroupDistance = 3;

/** The words about attributes without effect. */
export const unknownWords = {
  refused: 'this node refuses attributes that the driver does not know',
  ignored: (quotedKey: string) => `unknown attribute ${quotedKey} is ignored`,
  annotation: (quotedKey: string) =>
    `attribute ${quotedKey} is not of the group ${attributeGroup}: it becomes an annotation and sets nothing`,
  badAnnotation: 'cannot become an annotation: ',
} as const;

/** The name of the driver in a misspelt group, in lower case. */
export const driverInGroup = /cert-?manager/;

/** Attributes outside the table: those of other groups as annotations, and a warning for each that has no effect. */
export interface UnknownAttributes {
  readonly annotations: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/** Whether attributes that the driver does not know are refused. */
export interface UnknownAttributesOptions {
  readonly isStrict: boolean;
}

/** An attribute without effect: why, and the known one that was probably meant. */
interface Doubt {
  readonly describe: (quotedKey: string) => string;
  readonly meant: string | undefined;
}

/** Whether a group is probably a misspelling of certfleet's; its attribute would silently become an annotation. */
function isMisspeltGroup(group: string, name: string): boolean {
  const lower = group.toLowerCase();
  if (isKnown.has(name) && driverInGroup.test(lower)) return true;
  if (Math.abs(lower.length - attributeGroup.length) > nearGroupDistance) return false;
  return editDistance(lower, attributeGroup) <= nearGroupDistance;
}

function doubtAbout(group: string | undefined, name: string): Doubt | undefined {
  if (group === undefined || group === attributeGroup) {
    if (group !== undefined && isKnown.has(name)) return undefined;
    return { describe: unknownWords.ignored, meant: nearestName(name, knownNames) };
  }
  if (!isMisspeltGroup(group, name)) return undefined;
  const meant = isKnown.has(name) ? name : nearestName(name, knownNames);
  return { describe: unknownWords.annotation, meant };
}

/** Reports an attribute without effect; never its value, which may be a password under a mistyped name. */
function report(key: string, { describe, meant }: Doubt, problems: AttributeProblems, isStrict: boolean): string {
  const suggestion = meant === undefined ? '' : `, did you mean "${attributeGroup}/${meant}"?`;
  const text = `${describe(quoted(key))}${suggestion}`;
  if (isStrict) problems.forbidden(key, `${unknownWords.refused}${suggestion}`);
  else problems.note(text);
  return text;
}

/** Sorts the attributes that are neither in the table nor the kubelet's. */
export function parseUnknownAttributes(
  raw: Readonly<Record<string, string>>,
  problems: AttributeProblems,
  { isStrict }: UnknownAttributesOptions,
): UnknownAttributes {
  const annotations: [string, string][] = [];
  const warnings: string[] = [];
  for (const [key, value] of Object.entries(raw)) {
    const slash = key.indexOf('/');
    const [group, name] = slash === -1 ? [undefined, key] : [key.slice(0, slash), key.slice(slash + 1)];
    if (group === kubeletGroup) continue;
    const doubt = warnings.length < maxWarnings ? doubtAbout(group, name) : undefined;
    if (doubt !== undefined) warnings.push(report(key, doubt, problems, isStrict));
    if (group === undefined || group === attributeGroup) continue;
    const problem = annotationKeyProblem(key);
    if (problem === undefined) annotations.push([key, value]);
    else problems.invalid(key, key, `${unknownWords.badAnnotation}${problem}`);
  }
  return { annotations: Object.fromEntries(withinLimit(annotations, problems)), warnings };
}

/** The annotations that fit into one object. */
function withinLimit(annotations: readonly [string, string][], problems: AttributeProblems): [string, string][] {
  let bytes = 0;
  const fitting = annotations.filter((entry) => (bytes += Buffer.byteLength(entry.join(''))) <= maxAnnotationBytes);
  const [first] = annotations;
  if (first !== undefined && bytes > maxAnnotationBytes) {
    const why = `annotations have ${bytes} bytes in total, the limit is ${maxAnnotationBytes}`;
    problems.invalid(first[0], first[0], why);
  }
  return fitting;
}
