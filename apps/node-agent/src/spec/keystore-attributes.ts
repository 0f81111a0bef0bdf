import { optional, withDefault } from './attribute.ts';
import type { Attribute } from './attribute.ts';
import { parseAlias, parsePassword, parseProfile, parseSecretKey } from './keystore-values.ts';
import { lenientFileName } from './lenient-values.ts';
import { parseBoolean, parseFileName } from './scalar-values.ts';

/** What differs between the attributes of the formats. */
interface StoreFormat {
  /** Prefix of the names. */
  readonly prefix: string;
  readonly text: string;
  readonly extension: string;
  /** Whether csi-driver has the format under another prefix too. */
  readonly hasAlias: boolean;
}

/** The attributes that each format of keystores has. */
function storeAttributes({ prefix, text, extension, hasAlias }: StoreFormat) {
  const named = (name: string): { readonly name: string; readonly alias?: string } =>
    hasAlias ? { name: `${prefix}-${name}`, alias: `keystore-${prefix}-${name}` } : { name: `${prefix}-${name}` };
  const fileName = { lenient: lenientFileName, parse: parseFileName };
  return {
    enable: withDefault('false', {
      ...named('enable'),
      help: `\`true\` adds a ${text} keystore with key and chain.`,
      parse: parseBoolean,
    }),
    fileName: withDefault(`keystore.${extension}`, {
      ...named('filename'),
      help: 'File of the keystore.',
      ...fileName,
    }),
    password: optional({
      ...named('password'),
      secret: true,
      help: `Password of keystore and truststore, ASCII. Either needs this, ${prefix}-password-file or ${prefix}-password-secret-key.`,
      parse: parsePassword,
    }),
    passwordFile: optional({
      name: `${prefix}-password-file`,
      help: `File of a random password that the node generates once and renewals keep; no newline at its end. Excludes the other sources of the password.`,
      ...fileName,
    }),
    passwordSecretKey: optional({
      name: `${prefix}-password-secret-key`,
      help: "Key of the password in the Secret that the volume's `nodePublishSecretRef` names. Excludes the other sources of the password.",
      parse: parseSecretKey,
    }),
    truststoreEnable: withDefault('false', {
      name: `${prefix}-truststore-enable`,
      help: `\`true\` adds a ${text} truststore with the certificates of the CA file, under the aliases \`ca\`, \`ca-1\` and so on. It does not need a keystore.`,
      parse: parseBoolean,
    }),
    truststoreFileName: withDefault(`truststore.${extension}`, {
      name: `${prefix}-truststore-filename`,
      help: 'File of the truststore.',
      ...fileName,
    }),
  } satisfies Record<string, Attribute<unknown>>;
}

/** Maps the keys of a format's attributes to those in the table: `enable` to `pkcs12Enable`. */
type Prefixed<Prefix extends string, Table> = {
  readonly [Key in keyof Table as `${Prefix}${Capitalize<Key & string>}`]: Table[Key];
};

function prefixed<Prefix extends string, Table extends object>(prefix: Prefix, table: Table): Prefixed<Prefix, Table> {
  const entries = Object.entries(table).map(([key, attribute]): [string, unknown] => [
    `${prefix}${key.charAt(0).toUpperCase()}${key.slice(1)}`,
    attribute,
  ]);
  return Object.fromEntries(entries) as Prefixed<Prefix, Table>;
}

const pkcs12 = Object.freeze({
  ...storeAttributes({ prefix: 'pkcs12', text: 'PKCS#12', extension: 'p12', hasAlias: true }),
  profile: withDefault('Modern2023', {
    name: 'pkcs12-profile',
    help: '`Modern2023`: AES-256 with a SHA-256 MAC. `LegacyDES`: 3DES with SHA-1, for Java before 8u301. `LegacyRC2`: RC2 and 3DES with SHA-1, which OpenSSL 3 opens with `-legacy` only. `modern` and `legacy` mean Modern2023 and LegacyDES.',
    parse: parseProfile,
  }),
  entryAlias: optional(
    {
      name: 'pkcs12-alias',
      help: "Alias of the keystore's key.",
      parse: parseAlias,
    },
    'none; Java shows `1`',
  ),
});

const jks = Object.freeze({
  ...storeAttributes({ prefix: 'jks', text: 'JKS', extension: 'jks', hasAlias: false }),
  entryAlias: withDefault('certificate', {
    name: 'jks-alias',
    help: "Alias of the keystore's key; Java ignores its case. Must not be one of the aliases of the CA.",
    parse: parseAlias,
  }),
});

/** The attributes of each format, with the same keys. */
export const storeFormats = Object.freeze({ pkcs12, jks });

/** All of them, for the table of attributes. */
export const keystoreAttributes = Object.freeze({ ...prefixed('pkcs12', pkcs12), ...prefixed('jks', jks) });
