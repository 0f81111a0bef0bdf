import { Type } from 'typebox';
import type { TEnum, TInteger, TObject, TString } from 'typebox';
import { volumeStates } from './vocabulary.ts';

/** Text that must not be empty. */
export const nonEmptyString = (description: string, maxLength = 256): TString =>
  Type.String({ minLength: 1, maxLength, description });

/** Text of an answer, which may be empty. */
export const string = (description: string): TString => Type.String({ description });

/** A time in RFC 3339. */
export const time = (description: string): TString => Type.String({ format: 'date-time', description });

/** A whole number from 0. */
export const count = (description: string): TInteger => Type.Integer({ minimum: 0, description });

/** One of some string. */
export const oneOf = <const Word extends string>(choices: readonly Word[], description: string): TEnum<Word[]> =>
  Type.Enum([...choices], { description });

/** The opaque `next` of the page before. */
export const cursor = Type.Optional(nonEmptyString('The `next` of the page before', 4096));

/** How many of a page. */
export const limit = Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Most entries of a page' });

/** Ascending or descending. */
export const order = Type.Optional(oneOf(['asc', 'desc'], 'Direction of the sort, asc unless given'));

/** Volumes by state; every state is named. */
export const ByStateSchema = Type.Object(
  Object.fromEntries(volumeStates.map((state) => [state, count(`Volumes that are ${state}`)])) as Record<
    (typeof volumeStates)[number],
    TInteger
  >,
);

/** An id in the path. */
export const IdSchema: TObject<{ id: TString }> = Type.Object({ id: nonEmptyString('Id', 64) });
