import { Type } from 'typebox';
import type { Static } from 'typebox';
import { oneOf, nonEmptyString, string } from './fields.ts';

/** Signs in with a Kubernetes token, for example from `kubectl create token`. */
export const SignInSchema = Type.Object(
  { token: nonEmptyString('Kubernetes token; not stored', 16 * 1024) },
  { additionalProperties: false },
);

/** The user of the session and their rights. */
export const SessionSchema = Type.Object({
  name: string('User as Kubernetes or the proxy names it'),
  rights: Type.Object({ view: Type.Boolean(), renew: Type.Boolean() }),
  cluster: Type.Optional(string('Name of the cluster')),
  podLabels: Type.Optional(
    Type.Array(Type.String(), { description: 'Keys of the labels of pods that agents report; absent without any' }),
  ),
  showsPodCertificates: Type.Optional(
    Type.Boolean({ description: 'Whether the controller follows pod certificates; absent if not' }),
  ),
  runbookUrl: Type.Optional(string('Address of the runbook')),
  auth: oneOf(['kubernetes', 'proxy', 'none'], 'How operators are authenticated'),
});
export type Session = Static<typeof SessionSchema>;
