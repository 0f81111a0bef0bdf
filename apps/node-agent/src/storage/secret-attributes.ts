import { Secret } from '@certfleet/shared/secret.ts';
import type { Attribute } from '../spec/attribute.ts';
import { attributeGroup, attributes } from '../spec/attributes.ts';
import { storeFormats } from '../spec/keystore-attributes.ts';
import type { SecretData } from '../spec/keystore-spec.ts';
import type { StoreFormat } from '../spec/volume-spec.ts';
import type { VolumeSecrets } from './volume-record.ts';

/** Key of the tokens in a volume context (CSIDriver.spec.tokenRequests). */
const tokensKey = 'csi.storage.k8s.io/serviceAccount.tokens';

/** The field of the secrets that has the password of a format's stores. */
export const passwordField = { pkcs12: 'pkcs12Password', jks: 'jksPassword' } as const satisfies Record<
  StoreFormat,
  keyof VolumeSecrets
>;

/** Keys of a password attribute, including its alias. */
const keysOf = ({ name, alias }: { readonly name: string; readonly alias?: string }): readonly string[] =>
  (alias === undefined ? [name] : [name, alias]).map(keyOf);

const formats = Object.keys(passwordField) as readonly StoreFormat[];

/** Keys of all attributes that contain a password. */
const passwordKeys: readonly string[] = Object.values<Attribute<unknown>>(attributes)
  .filter((attribute) => attribute.secret === true)
  .flatMap(keysOf);

/** Keys of every attribute that the parser knows. */
const knownKeys: ReadonlySet<string> = new Set(Object.values<Attribute<unknown>>(attributes).flatMap(keysOf));

/**
 * Splits a volume context into metadata and secrets. Unknown attributes of certfleet's group are dropped: they have no
 * effect, and one could be a password under a mistyped name. Of the Secret, only a password that an attribute names is
 * kept.
 */
export function splitSecrets(
  volumeContext: Readonly<Record<string, string>>,
  secretData: SecretData = {},
): { readonly attributes: Readonly<Record<string, string>>; readonly secrets: VolumeSecrets } {
  const tokens = volumeContext[tokensKey];
  return {
    attributes: Object.fromEntries(
      Object.entries(volumeContext).filter(([key]) => !isSecretAttribute(key) && !isUnknown(key)),
    ),
    secrets: {
      pkcs12Password: passwordIn(volumeContext, 'pkcs12', secretData),
      jksPassword: passwordIn(volumeContext, 'jks', secretData),
      serviceAccountTokens: tokens === undefined || tokens === '' ? undefined : new Secret(tokens),
    },
  };
}

/** The password of an attribute, or of the Secret's key that an attribute names. */
function passwordIn(
  volumeContext: Readonly<Record<string, string>>,
  format: StoreFormat,
  secretData: SecretData,
): Secret | undefined {
  const { password, passwordSecretKey } = storeFormats[format];
  // An empty attribute counts as unset, so the alias may contain the password.
  const text = keysOf(password)
    .map((key) => volumeContext[key])
    .find((value) => value !== undefined && value !== '');
  if (text !== undefined) return new Secret(text);
  const secretKey = volumeContext[keyOf(passwordSecretKey.name)] ?? '';
  return Object.hasOwn(secretData, secretKey) ? secretData[secretKey] : undefined;
}

/**
 * Restores the volume context for the parser, with each password that was an attribute. A password that was generated or
 * read from a Secret was never one, and is not allowed together with the attribute that requests it.
 */
export function joinSecrets(
  volumeAttributes: Readonly<Record<string, string>>,
  secrets: VolumeSecrets,
): Readonly<Record<string, string>> {
  const passwords = formats.flatMap((format): [string, string][] => {
    const { password, passwordFile, passwordSecretKey } = storeFormats[format];
    const text = secrets[passwordField[format]];
    const hasOtherSource = [passwordFile, passwordSecretKey].some(
      ({ name }) => (volumeAttributes[keyOf(name)] ?? '') !== '',
    );
    return text === undefined || hasOtherSource ? [] : [[keyOf(password.name), text.reveal()]];
  });
  return passwords.length === 0 ? volumeAttributes : { ...volumeAttributes, ...Object.fromEntries<string>(passwords) };
}

/**
 * The volume context for csi-driver, with the tokens and the password of the PKCS#12 keystore, wherever it came from.
 * csi-driver knows no other password.
 */
export function upstreamContext(
  volumeAttributes: Readonly<Record<string, string>>,
  { pkcs12Password, serviceAccountTokens }: VolumeSecrets,
): Readonly<Record<string, string>> {
  return {
    ...volumeAttributes,
    ...(pkcs12Password !== undefined && { [keyOf(storeFormats.pkcs12.password.name)]: pkcs12Password.reveal() }),
    ...(serviceAccountTokens !== undefined && { [tokensKey]: serviceAccountTokens.reveal() }),
  };
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
