import { Compile } from 'typebox/compile';
import type { Validator } from 'typebox/compile';
import type { KindDefinition } from './kind-schema.ts';

const maxProblems = 5;

/** Checks specs of one kind, as the API server does by schema and CEL rules. */
export class KindValidator {
  readonly #kind: KindDefinition;
  readonly #validator: Validator;

  constructor(kind: KindDefinition) {
    this.#kind = kind;
    this.#validator = Compile(kind.spec);
  }

  /** The problems of a spec, or of its change; empty if it is valid. */
  problems(spec: unknown, previous?: unknown): readonly string[] {
    if (this.#validator.Check(spec)) return this.#kind.problems(spec, previous);
    const problems = this.#validator.Errors(spec).map(({ instancePath, message }) => {
      const path = instancePath.split('/').slice(1).join('.');
      return path === '' ? message : `${path}: ${message}`;
    });
    return [...new Set(problems)].slice(0, maxProblems);
  }
}
