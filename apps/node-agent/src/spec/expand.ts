import { expand } from '@certfleet/shared/expand.ts';
import { identityVariables } from '@certfleet/shared/identity-variables.ts';
import type { IdentityScope } from '@certfleet/shared/identity-variables.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { quoted } from './attribute-problems.ts';
import type { PodVariables } from './pod-variables.ts';

/** What the variables of a volume stand for. Those of the pod's object are in pod-variables.ts. */
export interface VariableScope extends IdentityScope {
  readonly podVariables: PodVariables;
}

/**
 * Replaces the variables in an attribute's value.
 * @throws CertfleetError invalid-argument that names the first undefined variable and lists the known ones, or as
 * PodVariables.valueOf does
 */
export function expandVariables(text: string, scope: VariableScope): string {
  return expand(text, (name) => {
    const variable = Object.hasOwn(identityVariables, name) ? identityVariables[name] : undefined;
    const value = variable === undefined ? scope.podVariables.valueOf(name) : variable(scope);
    if (value !== undefined) return value;
    const known = [...Object.keys(identityVariables), ...scope.podVariables.knownNames].sort().join(' ');
    throw new CertfleetError('invalid-argument', `undefined variable ${quoted(name)}, known variables: [${known}]`);
  });
}
