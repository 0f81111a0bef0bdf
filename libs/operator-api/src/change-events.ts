import { Type } from 'typebox';
import type { Static } from 'typebox';
import { oneOf } from './fields.ts';
import { changeKinds } from './vocabulary.ts';

/** Data of a `change` event. A `reset` event has no data; the client must reload everything. */
export const ChangeEventSchema = Type.Object({
  kinds: Type.Array(oneOf(changeKinds, 'What changed')),
  volumes: Type.Optional(
    Type.Array(Type.Array(Type.String(), { minItems: 2, maxItems: 2 }), {
      description: 'Node and id of each volume that changed; absent if there are many',
    }),
  ),
});
export type ChangeEvent = Static<typeof ChangeEventSchema>;
