import { Secret } from '@certfleet/shared/secret.ts';
import { attributeGroup, attributes } from '../spec/attributes.ts';
import type { VolumeSecrets } from './volume-record.ts';

/** Key of the tokens in a volume context (CSIDriver.spec.tokenRequests). */
const tokensKey = 'csi.storage.k8s.io/serviceAccount.tokens';

/** Keys of attributes that contain a keystore's password, including aliases. */
const passwordKeys: readonly string[] = Object.values(attributes)
  .filter((attribute) => attribute.secret === true)
  .flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias]))
  .map(keyOf);

/** Keys of every attribute that the parser knows. */
const knownKeys: ReadonlySet<string> = new Set(
  Object.values<{ name: string; alias?: string }>(attributes)
    .flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias]))
    .map(keyOf),
);

/**
 * Splits a volume context into metadata and secrets. Unknown attributes of certfleet's group are dropped: they have no
 * effect, and one could be a password under a mistyped name.
 */
export function splitSecrets(volumeContext: Readonly<Record<string, string>>): {
  readonly attributes: Readonly<Record<string, string>>;
  readonly secrets: VolumeSecrets;
} {
  // An empty attribute counts as unset, so the alias may contain the password.
  const password = passwordKeys.map((key) => volumeContext[key]).find((value) => value !== undefined && value !== '');
  const tokens = volumeContext[tokensKey];
  return {
    attributes: Object.fromEntries(
      Object.entries(volumeContext).filter(([key]) => !isSecretAttribute(key) && !isUnknown(key)),
    ),
    secrets: {
      keystorePassword: password === undefined ? undefined : new Secret(password),
      serviceAccountTokens: tokens === undefined || tokens === '' ? undefined : new Secret(tokens),
    },
  };
}

/**
 * Restores the volume context for the parser, with the keystore's password if the user chose it. A generated password
 * was never an attribute, and is not allowed together with the attribute that requests it.
 */
export function joinSecrets(
  volumeAttributes: Readonly<Record<string, string>>,
  { keystorePassword }: VolumeSecrets,
): Readonly<Record<string, string>> {
  const isMadeHere = (volumeAttributes[keyOf(attributes.pkcs12PasswordFile.name)] ?? '') !== '';
  if (keystorePassword === undefined || isMadeHere) return volumeAttributes;
  return { ...volumeAttributes, [keyOf(attributes.pkcs12Password.name)]: keystorePassword.reveal() };
}

/** Whether the attribute's value is a secret. */
export function isSecretAttribute(key: string): boolean {
  return key === tokensKey || passwordKeys.includes(key);
}

function isUnknown(key: string): boolean {
  return key.startsWith(`${attributeGroup}/`) && !knownKeys.has(key);
}

/** The attribute's key in a volume context. */
function keyOf(name: string): string {
  return `${attributeGroup}/${name}`;
}
