import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import {
  authorityKeyIdentifierExtension,
  randomSerialNumber,
  signCertificate,
  subjectKeyIdentifierExtension,
} from '@certfleet/shared/x509/certificate-builder.ts';
import { encodeDistinguishedName } from '@certfleet/shared/x509/distinguished-name.ts';
import { basicConstraintsExtension } from '@certfleet/shared/x509/x509-extensions.ts';

/** A CA of a test, or the key of one whose certificate has another form. */
export interface TestCa {
  readonly name: string;
  readonly key: KeyObject;
  readonly pem: string;
  readonly certificate: X509Certificate;
}

interface Options {
  readonly parent?: TestCa;
  /** The key of another CA; a new one if absent. */
  readonly key?: KeyObject;
  /** False: without key identifiers, as some CAs make certificates. */
  readonly hasKeyIds?: boolean;
}

const day = 86_400_000;
const validity = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 365 * day) };
const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const spkiOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });
const nameOf = (text: string): Buffer => encodeDistinguishedName([[{ oid: '2.5.4.3', value: text }]]);

/** A root, or a CA below another one. */
export function testCa(name: string, options: Options = {}): TestCa {
  const { key = newKey(), ...others } = options;
  const pem = signed(name, key, { ...others, isCa: true });
  return { name, key, pem, certificate: new X509Certificate(pem) };
}

/** The certificate of a pod, in PEM. */
export function leafOf(parent: TestCa, options: Pick<Options, 'hasKeyIds'> = {}): string {
  return signed('pod', newKey(), { parent, ...options, isCa: false });
}

function signed(
  name: string,
  key: KeyObject,
  { parent, hasKeyIds = true, isCa }: Omit<Options, 'key'> & { readonly isCa: boolean },
): string {
  const publicKey = spkiOf(key);
  const keyIds = [
    subjectKeyIdentifierExtension(publicKey),
    authorityKeyIdentifierExtension(spkiOf(parent?.key ?? key)),
  ];
  return signCertificate(
    {
      ...validity,
      serialNumber: randomSerialNumber(),
      issuer: nameOf(parent?.name ?? name),
      subject: nameOf(name),
      publicKey,
      extensions: [basicConstraintsExtension(isCa), ...(hasKeyIds ? keyIds : [])],
    },
    parent?.key ?? key,
  );
}
