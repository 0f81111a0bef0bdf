import { Type } from 'typebox';
import type { TInteger, TString, TUnion } from 'typebox';

/** A number, or a percentage. */
export const threshold = (description: string): TUnion<[TInteger, TString]> =>
  Type.Union([Type.Integer(), Type.String()], {
    pattern: '^[0-9]{1,3}%$',
    description,
    'x-kubernetes-int-or-string': true,
  });
