import { Secret } from '@certfleet/shared/secret.ts';
import type { AttributeReader } from './attribute-reader.ts';
import { attributes } from './attributes.ts';
import type { KeySpec, KeystoreSpec, VolumeFiles } from './volume-spec.ts';

function parseKeystore(reader: AttributeReader, key: KeySpec): KeystoreSpec | undefined {
  const { pkcs12Enable, pkcs12FileName, pkcs12Password, pkcs12Profile, keyAlgorithm } = attributes;
  const enabled = reader.read(pkcs12Enable);
  const fileName = reader.read(pkcs12FileName);
  const password = reader.read(pkcs12Password);
  const profile = reader.read(pkcs12Profile);
  if (!enabled) {
    if (reader.isSound(pkcs12Enable) && reader.isSet(pkcs12Password)) {
      reader.warn(pkcs12Password, 'is ignored, pkcs12-enable is not true');
    }
    return undefined;
  }
  if (profile === 'legacy' && key.algorithm !== 'RSA' && reader.isSound(keyAlgorithm)) {
    reader.reject(pkcs12Profile, `the legacy profile is for RSA keys only, key-algorithm is ${key.algorithm}`);
  }
  if (password === undefined) {
    if (reader.isSound(pkcs12Password))
      reader.missing(pkcs12Password, 'a password is required when pkcs12-enable is true');
    return undefined;
  }
  return { fileName, password: new Secret(password), profile };
}

/** The files that the volume shows and its keystore, with names that do not collide. */
export function parseFiles(
  reader: AttributeReader,
  key: KeySpec,
): { readonly files: VolumeFiles; readonly keystore: KeystoreSpec | undefined } {
  const files = {
    certificate: reader.read(attributes.certificateFile),
    ca: reader.read(attributes.caFile),
    privateKey: reader.read(attributes.privateKeyFile),
  };
  const keystore = parseKeystore(reader, key);
  const named = [
    { attribute: attributes.certificateFile, fileName: files.certificate },
    { attribute: attributes.caFile, fileName: files.ca },
    { attribute: attributes.privateKeyFile, fileName: files.privateKey },
    ...(keystore === undefined ? [] : [{ attribute: attributes.pkcs12FileName, fileName: keystore.fileName }]),
  ];
  for (const [index, { attribute, fileName }] of named.entries()) {
    const earlier = named.slice(0, index).find((other) => other.fileName === fileName);
    if (earlier === undefined) continue;
    // The one the user wrote is the one to report; a default cannot be wrong.
    const [culprit, other] = reader.isSet(attribute) ? [attribute, earlier.attribute] : [earlier.attribute, attribute];
    reader.reject(culprit, `file names must differ, ${other.name} is ${JSON.stringify(fileName)} too`);
  }
  return { files, keystore };
}
