import { CertfleetError } from '@certfleet/shared/errors.ts';
import { quoted } from './attribute-problems.ts';
import type { PodVariables } from './pod-variables.ts';
import type { PodIdentity } from './volume-spec.ts';

/** A shell name as Go reads it after a `$`, and its length in characters. */
interface ShellName {
  readonly name: string;
  readonly length: number;
}

const specialName = /[*#$@!?0-9-]/y;
const bracedSpecialName = /\{([*#$@!?0-9-])\}/y;
const bracedName = /\{([^}]*)\}/y;
const plainName = /[A-Za-z0-9_]*/y;

function matchAt(pattern: RegExp, text: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(text);
}

function shellNameAt(text: string, position: number): ShellName {
  if (text[position] === '{') {
    const braced = matchAt(bracedSpecialName, text, position) ?? matchAt(bracedName, text, position);
    // Go drops an opening brace that is never closed.
    if (braced === null) return { name: '', length: 1 };
    return { name: braced[1] ?? '', length: braced[0].length };
  }
  const name = (matchAt(specialName, text, position) ?? matchAt(plainName, text, position))?.[0] ?? '';
  return { name, length: name.length };
}

/**
 * Replaces `$name` and `${name}` as Go's os.Expand does, including its special cases: `$*`, `$$` and `$1` are names of
 * one character, `${}` and an unclosed `${` disappear, and a `$` before anything else or at the end is kept.
 */
export function expand(text: string, valueOf: (name: string) => string): string {
  let expanded = '';
  let copiedTo = 0;
  for (let dollar = text.indexOf('$'); dollar !== -1; dollar = text.indexOf('$', copiedTo)) {
    expanded += text.slice(copiedTo, dollar);
    if (dollar === text.length - 1) return `${expanded}$`;
    const { name, length } = shellNameAt(text, dollar + 1);
    if (name !== '') expanded += valueOf(name);
    else if (length === 0) expanded += '$';
    copiedTo = dollar + 1 + length;
  }
  return expanded + text.slice(copiedTo);
}

/** What the variables of a volume stand for. */
export interface VariableScope {
  readonly pod: PodIdentity;
  readonly nodeName: string;
  readonly podVariables: PodVariables;
}

/** The variables whose values the kubelet passes or the agent knows. Those of the pod's object are in pod-variables.ts. */
export const variables: Readonly<Record<string, (scope: VariableScope) => string>> = Object.freeze({
  NODE_NAME: ({ nodeName }: VariableScope) => nodeName,
  POD_NAME: ({ pod }: VariableScope) => pod.name,
  POD_NAMESPACE: ({ pod }: VariableScope) => pod.namespace,
  POD_UID: ({ pod }: VariableScope) => pod.uid,
  SERVICE_ACCOUNT_NAME: ({ pod }: VariableScope) => pod.serviceAccountName,
});

/**
 * Replaces the variables in an attribute's value.
 * @throws CertfleetError invalid-argument that names the first undefined variable and lists the known ones, or as
 * PodVariables.valueOf does
 */
export function expandVariables(text: string, scope: VariableScope): string {
  return expand(text, (name) => {
    const variable = Object.hasOwn(variables, name) ? variables[name] : undefined;
    const value = variable === undefined ? scope.podVariables.valueOf(name) : variable(scope);
    if (value !== undefined) return value;
    const known = [...Object.keys(variables), ...scope.podVariables.knownNames].sort().join(' ');
    throw new CertfleetError('invalid-argument', `undefined variable ${quoted(name)}, known variables: [${known}]`);
  });
}
