import { Type } from 'typebox';
import type { Static } from 'typebox';
import { oneOf, nonEmptyString, string } from './fields.ts';

/** Signs in with a token of Kubernetes, as `kubectl create token` gives one. */
export const SignInSchema = Type.Object(
  { token: nonEmptyString('Token of Kubernetes; kept nowhere', 16 * 1024) },
  { additionalProperties: false },
);

/** Who is signed in, what they may do, and how they came to be who they are. */
export const SessionSchema = Type.Object({
  name: string('User as Kubernetes or the proxy names it'),
  rights: Type.Object({ view: Type.Boolean(), renew: Type.Boolean() }),
  auth: oneOf(['kubernetes', 'proxy', 'none'], 'How operators are known here'),
});
export type Session = Static<typeof SessionSchema>;
