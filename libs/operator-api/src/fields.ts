import { volumeStatuses } from '@certfleet/fleet-model/vocabulary.ts';
import { Type } from 'typebox';
import type { Static, TEnum, TInteger, TObject, TProperties, TString, TUnsafe } from 'typebox';

/** Text that must not be empty. */
export const nonEmptyString = (description: string, maxLength = 256): TString =>
  Type.String({ minLength: 1, maxLength, description });

/** One or more names or patterns. */
export const names = (what: string, maxLength?: number): TString =>
  nonEmptyString(`${what}; one or more, separated by commas; \`*\` stands for any characters`, maxLength);

/** Text of a response; may be empty. */
export const string = (description: string): TString => Type.String({ description });

/** A time in RFC 3339. */
export const time = (description: string): TString => Type.String({ format: 'date-time', description });

/** An integer from 0. */
export const count = (description: string): TInteger => Type.Integer({ minimum: 0, description });

/** One of several strings. */
export const oneOf = <const Word extends string>(choices: readonly Word[], description: string): TEnum<Word[]> =>
  Type.Enum([...choices], { description });

export const cursor = Type.Optional(nonEmptyString('The `next` value of the previous page', 4096));

export const limit = Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Maximum entries per page' });

export const order = Type.Optional(oneOf(['asc', 'desc'], 'Sort order; asc if absent'));

/** Number of volumes by state; contains every state. */
export const ByStateSchema = Type.Object(
  Object.fromEntries(volumeStatuses.map((state) => [state, count(`Volumes in state ${state}`)])) as Record<
    (typeof volumeStatuses)[number],
    TInteger
  >,
);

export const IdSchema: TObject<{ id: TString }> = Type.Object({ id: nonEmptyString('Id', 64) });

/** The name of a Kubernetes object as the id of a path. */
export const NameSchema: TObject<{ id: TString }> = Type.Object({ id: nonEmptyString('Name', 253) });

/** The facts of each kind, as their schemas state them. */
export type FactsOf<Schemas extends Readonly<Record<string, TProperties>>> = {
  [Kind in keyof Schemas]: Static<TObject<Schemas[Kind]>>;
};

/** Something of one of several kinds, with the facts of its kind. */
export type OfKind<Facts, Kind extends keyof Facts = keyof Facts> = {
  [Each in Kind]: { kind: Each; facts: Facts[Each] };
}[Kind];

/** An object with a kind, the facts of its kind, and the same other properties for all kinds. */
export function ofKind<Schemas extends Readonly<Record<string, TProperties>>, Others extends TProperties>(
  facts: Schemas,
  others: Others,
): TUnsafe<OfKind<FactsOf<Schemas>> & Static<TObject<Others>>> {
  return Type.Unsafe(
    Type.Union(
      Object.entries(facts).map(([kind, each]) =>
        Type.Object({ kind: Type.Literal(kind), facts: Type.Object(each), ...others }),
      ),
    ),
  );
}
