import { Type } from 'typebox';
import type { TProperties } from 'typebox';
import { count, string } from './fields.ts';
import type { FactsOf, OfKind } from './fields.ts';
import type { PostureKind } from './vocabulary.ts';

/** The value of each limit for certificates. */
export const postureFacts = {
  'rsa-bits': { bits: count('Fewest bits that an RSA key may have') },
  signature: { algorithms: Type.Array(Type.String(), { description: 'Parts of the names of refused algorithms' }) },
  lifetime: { longest: string('Longest lifetime, such as 90d') },
  ca: {},
} satisfies Record<PostureKind, TProperties>;

export type PostureFacts = FactsOf<typeof postureFacts>;

/** A limit for certificates with its value. */
export type PostureLimitFacts<Kind extends PostureKind = PostureKind> = OfKind<PostureFacts, Kind>;
