import { quoted } from './attribute-problems.ts';
import type { AttributeProblems } from './attribute-problems.ts';
import { attributeGroup, attributes } from './attributes.ts';
import { nearestName } from './nearest-name.ts';
import { kubeletGroup } from './pod-identity.ts';
import { annotationKeyProblem } from './qualified-name.ts';

/** What Kubernetes allows an object's annotations to weigh together, keys and values, in bytes. */
const heaviestAnnotations = 256 * 1024;

const knownNames = Object.values(attributes).flatMap(({ name, alias }) =>
  alias === undefined ? [name] : [name, alias],
);

/** Attributes outside the table: those of other groups as annotations, and a warning for each that does nothing. */
export interface ForeignAttributes {
  readonly annotations: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/** Never repeats the value: it may be a password under a mistyped name. */
function unknownAttribute(key: string, name: string): string {
  const nearest = nearestName(name, knownNames);
  const suggestion = nearest === undefined ? '' : `, did you mean "${attributeGroup}/${nearest}"?`;
  return `unknown attribute ${quoted(key)} is ignored${suggestion}`;
}

/** Sorts the attributes that are neither in the table nor the kubelet's. */
export function parseForeignAttributes(
  raw: Readonly<Record<string, string>>,
  problems: AttributeProblems,
): ForeignAttributes {
  const annotations: [string, string][] = [];
  const warnings: string[] = [];
  for (const [key, value] of Object.entries(raw)) {
    const slash = key.indexOf('/');
    const [group, name] = slash === -1 ? ['', key] : [key.slice(0, slash), key.slice(slash + 1)];
    if (group === kubeletGroup) continue;
    if (slash === -1 || group === attributeGroup) {
      if (slash === -1 || !knownNames.includes(name)) warnings.push(unknownAttribute(key, name));
      continue;
    }
    const problem = annotationKeyProblem(key);
    if (problem !== undefined) problems.invalid(key, key, `cannot become an annotation: ${problem}`);
    annotations.push([key, value]);
  }
  const bytes = annotations.reduce((sum, entry) => sum + Buffer.byteLength(entry.join('')), 0);
  const [first] = annotations;
  if (first !== undefined && bytes > heaviestAnnotations) {
    problems.invalid(
      first[0],
      first[0],
      `annotations hold ${bytes} bytes together, at most ${heaviestAnnotations} fit`,
    );
  }
  return { annotations: Object.fromEntries(annotations), warnings };
}
