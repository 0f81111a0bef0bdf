import type { AttributeReader } from './attribute-reader.ts';
import { attributes } from './attributes.ts';
import { parseKeystores } from './keystore-spec.ts';
import type { NamedFile, SecretData } from './keystore-spec.ts';
import type { VolumeSpec } from './volume-spec.ts';

/** The attributes that name files which are not of a keystore. */
export const fileAttributes = [
  attributes.certificateFile,
  attributes.caFile,
  attributes.privateKeyFile,
  attributes.combinedPemFile,
  attributes.reloadMarkerFile,
] as const;

/** The files of the volume and its keystores, with distinct names. */
export function parseFiles(
  reader: AttributeReader,
  secretData: SecretData | undefined,
): Pick<VolumeSpec, 'files' | 'pkcs12' | 'jks'> {
  const files = {
    certificate: reader.read(attributes.certificateFile),
    ca: reader.read(attributes.caFile),
    privateKey: reader.read(attributes.privateKeyFile),
    combinedPem: reader.read(attributes.combinedPemFile),
    reloadMarker: reader.read(attributes.reloadMarkerFile),
  };
  const { pkcs12, jks, files: storeFiles } = parseKeystores(reader, secretData);
  checkDistinct(reader, [
    { attribute: attributes.certificateFile, fileName: files.certificate },
    { attribute: attributes.caFile, fileName: files.ca },
    { attribute: attributes.privateKeyFile, fileName: files.privateKey },
    { attribute: attributes.combinedPemFile, fileName: files.combinedPem },
    { attribute: attributes.reloadMarkerFile, fileName: files.reloadMarker },
    ...storeFiles,
  ]);
  return { files, pkcs12, jks };
}

function checkDistinct(reader: AttributeReader, files: readonly NamedFile[]): void {
  const named = files.filter(({ fileName }) => fileName !== undefined);
  for (const [index, { attribute, fileName }] of named.entries()) {
    const earlier = named.slice(0, index).find((other) => other.fileName === fileName);
    if (earlier === undefined) continue;
    // Report the one that the user wrote; a default cannot be wrong.
    const [reported, other] = reader.isSet(attribute) ? [attribute, earlier.attribute] : [earlier.attribute, attribute];
    reader.reject(reported, `file names must differ, ${other.name} is ${JSON.stringify(fileName)} too`);
  }
}
