import type { AttributeReader } from './attribute-reader.ts';
import { attributes } from './attributes.ts';
import type { KeySpec, KeystoreSpec, VolumeFiles } from './volume-spec.ts';

/** Checks that the password has exactly one source; its value is the volume's secret and not part of the spec. */
function checkPassword(reader: AttributeReader, enabled: boolean): void {
  const { pkcs12Enable, pkcs12Password, pkcs12PasswordFile } = attributes;
  reader.read(pkcs12Password);
  const sources = [pkcs12Password, pkcs12PasswordFile].filter((attribute) => reader.isSet(attribute));
  if (sources.length === 2) {
    reader.reject(pkcs12PasswordFile, 'excludes pkcs12-password: the node generates the password in this file');
  }
  if (enabled && sources.length === 0) {
    const why = 'a password is required when pkcs12-enable is true; with pkcs12-password-file the node generates one';
    reader.missing(pkcs12Password, why);
  }
  if (enabled || !reader.isSound(pkcs12Enable)) return;
  for (const source of sources) reader.warn(source, 'is ignored, pkcs12-enable is not true');
}

function parseKeystore(reader: AttributeReader, key: KeySpec): KeystoreSpec | undefined {
  const { pkcs12Enable, pkcs12FileName, pkcs12PasswordFile, pkcs12Profile, keyAlgorithm } = attributes;
  const enabled = reader.read(pkcs12Enable);
  const fileName = reader.read(pkcs12FileName);
  const passwordFile = reader.read(pkcs12PasswordFile);
  const profile = reader.read(pkcs12Profile);
  checkPassword(reader, enabled);
  if (!enabled) return undefined;
  if (profile === 'legacy' && key.algorithm !== 'RSA' && reader.isSound(keyAlgorithm)) {
    reader.reject(pkcs12Profile, `the legacy profile is for RSA keys only, key-algorithm is ${key.algorithm}`);
  }
  return { fileName, passwordFile, profile };
}

/** The files of the volume and its keystore, with distinct names. */
export function parseFiles(
  reader: AttributeReader,
  key: KeySpec,
): { readonly files: VolumeFiles; readonly keystore: KeystoreSpec | undefined } {
  const files = {
    certificate: reader.read(attributes.certificateFile),
    ca: reader.read(attributes.caFile),
    privateKey: reader.read(attributes.privateKeyFile),
    combinedPem: reader.read(attributes.combinedPemFile),
    reloadMarker: reader.read(attributes.reloadMarkerFile),
  };
  const keystore = parseKeystore(reader, key);
  const named = [
    { attribute: attributes.certificateFile, fileName: files.certificate },
    { attribute: attributes.caFile, fileName: files.ca },
    { attribute: attributes.privateKeyFile, fileName: files.privateKey },
    { attribute: attributes.combinedPemFile, fileName: files.combinedPem },
    { attribute: attributes.reloadMarkerFile, fileName: files.reloadMarker },
    { attribute: attributes.pkcs12FileName, fileName: keystore?.fileName },
    { attribute: attributes.pkcs12PasswordFile, fileName: keystore?.passwordFile },
  ].filter(({ fileName }) => fileName !== undefined);
  for (const [index, { attribute, fileName }] of named.entries()) {
    const earlier = named.slice(0, index).find((other) => other.fileName === fileName);
    if (earlier === undefined) continue;
    // Report the one that the user wrote; a default cannot be wrong.
    const [reported, other] = reader.isSet(attribute) ? [attribute, earlier.attribute] : [earlier.attribute, attribute];
    reader.reject(reported, `file names must differ, ${other.name} is ${JSON.stringify(fileName)} too`);
  }
  return { files, keystore };
}
