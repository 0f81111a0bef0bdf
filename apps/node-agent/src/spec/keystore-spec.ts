import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Secret } from '@certfleet/shared/secret.ts';
import type { Attribute } from './attribute.ts';
import type { AttributeReader } from './attribute-reader.ts';
import { storeFormats } from './keystore-attributes.ts';
import { caAliases } from './keystore-values.ts';
import type { JksSpec, Pkcs12Spec, StoreSpec } from './volume-spec.ts';

/** The data of the Secret that the volume's nodePublishSecretRef names; empty without one. */
export type SecretData = Readonly<Record<string, Secret>>;

/** A file that a volume has, and the attribute that names it. */
export interface NamedFile {
  readonly attribute: Attribute<string> | Attribute<string | undefined>;
  readonly fileName: string | undefined;
}

/** The reasons of errors about several attributes; the admission policies use the same. */
export const storeProblems = {
  caAlias: 'is an alias of the CA in the same keystore',
  generated: (other = '') => `excludes ${other}: the node generates the password in this file`,
  fromSecret: (other = '') => `excludes ${other}: the Secret has the password`,
  needsPassword: (enable: string, file: string) =>
    `a password is required when ${enable} is true; with ${file} the node generates one`,
  noSecret:
    "the volume has no Secret with data: set nodePublishSecretRef to a Secret of the pod's namespace that contains it",
} as const;

/** The stores of a volume, and their files. */
export interface Keystores {
  readonly pkcs12: Pkcs12Spec | undefined;
  readonly jks: JksSpec | undefined;
  readonly files: readonly NamedFile[];
}

export interface StoreAttributes {
  readonly enable: Attribute<boolean>;
  readonly fileName: Attribute<string>;
  readonly password: Attribute<string | undefined>;
  readonly passwordFile: Attribute<string | undefined>;
  readonly passwordSecretKey: Attribute<string | undefined>;
  readonly truststoreEnable: Attribute<boolean>;
  readonly truststoreFileName: Attribute<string>;
  readonly entryAlias: Attribute<string | undefined>;
}

/**
 * The keystores and truststores of the volume.
 * @param secretData undefined for an existing volume, whose password is stored
 */
export function parseKeystores(reader: AttributeReader, secretData: SecretData | undefined): Keystores {
  const pkcs12 = parseStore(reader, storeFormats.pkcs12, secretData);
  const profile = reader.read(storeFormats.pkcs12.profile);
  const jks = parseStore(reader, storeFormats.jks, secretData);
  const jksAlias = reader.read(storeFormats.jks.entryAlias);
  if (pkcs12 === undefined) warnIfSet(reader, [storeFormats.pkcs12.profile], storeFormats.pkcs12.enable);
  if (jks?.keystoreFile !== undefined && caAliases.test(jksAlias)) {
    reader.reject(storeFormats.jks.entryAlias, storeProblems.caAlias);
  }
  return {
    pkcs12: pkcs12 && { ...pkcs12, profile },
    jks: jks && { ...jks, alias: jksAlias },
    files: [...namedFiles(storeFormats.pkcs12, pkcs12), ...namedFiles(storeFormats.jks, jks)],
  };
}

function parseStore(
  reader: AttributeReader,
  attributes: StoreAttributes,
  secretData: SecretData | undefined,
): StoreSpec | undefined {
  const { enable, fileName, truststoreEnable, truststoreFileName, entryAlias } = attributes;
  const [hasKeystore, hasTruststore] = [reader.read(enable), reader.read(truststoreEnable)];
  const keystoreFile = reader.read(fileName);
  const truststoreFile = reader.read(truststoreFileName);
  const alias = reader.read(entryAlias);
  const passwordFile = parsePasswordSource(reader, attributes, hasKeystore || hasTruststore, secretData);
  if (!hasKeystore) warnIfSet(reader, [fileName, entryAlias], enable);
  if (!hasTruststore) warnIfSet(reader, [truststoreFileName], truststoreEnable);
  if (!hasKeystore && !hasTruststore) return undefined;
  return {
    keystoreFile: hasKeystore ? keystoreFile : undefined,
    truststoreFile: hasTruststore ? truststoreFile : undefined,
    passwordFile,
    alias,
  };
}

/** Checks that the password has exactly one source, and returns the file of a generated one. */
function parsePasswordSource(
  reader: AttributeReader,
  { enable, truststoreEnable, password, passwordFile, passwordSecretKey }: StoreAttributes,
  isNeeded: boolean,
  secretData: SecretData | undefined,
): string | undefined {
  // The value is the volume's secret and not part of the spec.
  reader.read(password);
  const file = reader.read(passwordFile);
  checkSecret(reader, { password, passwordSecretKey }, secretData);
  const sources = [password, passwordFile, passwordSecretKey].filter((attribute) => reader.isSet(attribute));
  const [first, ...others] = sources;
  for (const other of others) {
    reader.reject(
      other,
      other === passwordFile ? storeProblems.generated(first?.name) : storeProblems.fromSecret(first?.name),
    );
  }
  if (isNeeded && first === undefined) {
    const cause = reader.read(enable) ? enable.name : truststoreEnable.name;
    reader.missing(password, storeProblems.needsPassword(cause, passwordFile.name));
  }
  if (!isNeeded && reader.isSound(truststoreEnable)) warnIfSet(reader, sources, enable);
  return file;
}

/** Checks that the Secret has a usable password under the key. */
function checkSecret(
  reader: AttributeReader,
  { password, passwordSecretKey }: Pick<StoreAttributes, 'password' | 'passwordSecretKey'>,
  secretData: SecretData | undefined,
): void {
  const key = reader.read(passwordSecretKey);
  if (key === undefined || secretData === undefined) return;
  if (Object.keys(secretData).length === 0) {
    reader.reject(passwordSecretKey, storeProblems.noSecret);
    return;
  }
  const found = Object.hasOwn(secretData, key) ? secretData[key]?.reveal() : undefined;
  if (found === undefined || found === '') {
    reader.reject(passwordSecretKey, 'the Secret of nodePublishSecretRef has no such key, or it is empty');
    return;
  }
  try {
    password.parse(found);
  } catch (error) {
    if (!(error instanceof CertfleetError)) throw error;
    reader.reject(passwordSecretKey, `the password in the Secret ${error.message}`);
  }
  if (/[\r\n]$/.test(found)) {
    reader.warn(passwordSecretKey, 'the password in the Secret ends with a line break, which is part of the password');
  }
}

/** Reports attributes that have no effect because another one is not `true`. */
function warnIfSet(
  reader: AttributeReader,
  attributes: readonly (Attribute<string> | Attribute<string | undefined>)[],
  enable: Attribute<boolean>,
): void {
  if (!reader.isSound(enable)) return;
  for (const attribute of attributes) {
    if (reader.isSet(attribute)) reader.ignored(attribute, `${enable.name} is not true`);
  }
}

function namedFiles(attributes: StoreAttributes, store: StoreSpec | undefined): readonly NamedFile[] {
  if (store === undefined) return [];
  return [
    { attribute: attributes.fileName, fileName: store.keystoreFile },
    { attribute: attributes.truststoreFileName, fileName: store.truststoreFile },
    { attribute: attributes.passwordFile, fileName: store.passwordFile },
  ];
}
