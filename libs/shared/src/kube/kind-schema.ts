import { Type } from 'typebox';
import type { TInteger, TObject, TProperties, TSchema, TString } from 'typebox';

/** A rule of the CustomResourceDefinition in CEL; the API server enforces it. */
interface CelRule {
  readonly rule: string;
  readonly message: string;
}

/** Options of a schema with CEL rules. */
export const withRules = (
  ...rules: readonly CelRule[]
): { readonly 'x-kubernetes-validations': readonly CelRule[] } => ({
  'x-kubernetes-validations': rules,
});

/** An object without unknown fields: the API server would prune them, and a misspelt field would silently do nothing. */
export const closedObject = <Properties extends TProperties>(
  properties: Properties,
  options: object = {},
): TObject<Properties> => Type.Object(properties, { additionalProperties: false, ...options });

/** Text with at least one character. */
export const text = (description: string, maxLength = 256): TString =>
  Type.String({ minLength: 1, maxLength, description });

/** A time in RFC 3339. */
export const timestamp = (description: string): TString => Type.String({ format: 'date-time', description });

/** A whole number within bounds. */
export const integer = (description: string, minimum = 0, maximum = 1_000_000_000_000): TInteger =>
  Type.Integer({ minimum, maximum, format: 'int64', description });

const conditionSchema = Type.Object({
  type: text('Type of the condition', 316),
  status: Type.Enum(['True', 'False', 'Unknown'], { description: 'Status of the condition' }),
  reason: text('Reason in CamelCase', 1024),
  message: Type.String({ maxLength: 32_768, description: 'Explanation' }),
  lastTransitionTime: timestamp('Last change of the status'),
  observedGeneration: Type.Optional(integer('Generation of the spec that the condition is about')),
});

/** The fields of every status. */
export const statusFields = {
  observedGeneration: Type.Optional(integer('Generation of the spec that the status is about')),
  conditions: Type.Optional(
    Type.Array(conditionSchema, {
      maxItems: 16,
      description: 'Conditions, one per type',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    }),
  ),
};

/** A column of `kubectl get`. */
interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly jsonPath: string;
  /** 1: only with `--output wide`. */
  readonly priority?: 1;
}

/** The definition of one kind: its CustomResourceDefinition and the checks of the file store are made from it. */
export interface KindDefinition<Spec extends TSchema = TSchema, Status extends TSchema = TSchema> {
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly spec: Spec;
  readonly status: Status;
  readonly columns: readonly PrinterColumn[];
  /** The CEL rules again, for the file store: the problems of a spec, or of its change. */
  readonly problems: (spec: unknown, previous: unknown) => readonly string[];
}
