import { compactHex, expandHex } from './compact-hex.ts';
import type { IndexedCertificate, IndexedVolume } from './indexed-volume.ts';
import { decodeFields, encodeFields } from './optional-fields.ts';
import type { StoredValue } from './optional-fields.ts';
import { shared, sharedFingerprints, sharedIfEmpty, sharedIn } from './shared-values.ts';

/**
 * A volume's record in Redis: a JSON array without field names, which would be a third of it, and without the node and
 * the id, which are its key and field. The first element is the version of the layout.
 */
export function encodeVolume(volume: IndexedVolume): string {
  const { issuer, certificate, failure } = volume;
  return JSON.stringify([
    1,
    volume.generation,
    [volume.state, volume.keyType, volume.cause],
    [volume.namespace, volume.pod, volume.podUid],
    [issuer.group, issuer.kind, issuer.namespace, issuer.name],
    certificate === undefined ? 0 : encodeCertificate(certificate),
    failure === undefined ? 0 : [failure.atMs, failure.reason, failure.message, failure.attempts],
    ...encodeFields(volume),
  ]);
}

/**
 * Decodes a record; undefined for an unknown layout: that of a newer replica during a rolling upgrade, which is left
 * unchanged, or of an older one, which the agent's next snapshot replaces.
 */
export function decodeVolume(node: string, volumeId: string, json: string): IndexedVolume | undefined {
  const fields = fieldsOf(json);
  if (fields === undefined) return undefined;
  const [generation, [state, keyType, cause], [namespace, pod, podUid], issuer, certificate, failure, ...more] = fields;
  return {
    node: shared(node),
    volumeId,
    namespace: shared(namespace),
    pod,
    podUid,
    issuer: sharedIssuer(issuer),
    generation,
    state,
    keyType,
    cause,
    ...(certificate !== 0 && { certificate: decodeCertificate(certificate) }),
    ...(failure !== 0 && {
      failure: { atMs: failure[0], reason: failure[1], message: failure[2], attempts: failure[3] },
    }),
    ...decodeFields(more),
  };
}

/** A newer layout may not be an array, or not JSON. */
function fieldsOf(json: string): StoredFields | undefined {
  if (!json.startsWith('[1,')) return undefined;
  try {
    const [, ...fields] = JSON.parse(json) as [number, ...StoredFields];
    return fields;
  } catch {
    return undefined;
  }
}

type StoredFields = [
  number,
  readonly [IndexedVolume['state'], IndexedVolume['keyType'], IndexedVolume['cause']],
  readonly [string, string, string],
  StoredIssuer,
  0 | StoredCertificate,
  0 | readonly [number, string, string, number],
  ...StoredValue[],
];
type StoredIssuer = readonly [string, string, string, string];
type Texts = readonly string[];
type StoredCertificate = readonly [
  readonly [number, number, number, number],
  readonly [string, string, string],
  Texts,
  Texts,
  Texts,
  Texts,
];

function encodeCertificate(certificate: IndexedCertificate): StoredCertificate {
  const { notBeforeMs, notAfterMs, renewAtMs, issuedAtMs } = certificate;
  return [
    [notBeforeMs, notAfterMs, renewAtMs, issuedAtMs],
    [compactHex(certificate.serial), compactHex(certificate.fingerprint), certificate.subject],
    certificate.caFingerprints.map(compactHex),
    certificate.dnsNames,
    certificate.uris,
    certificate.ipAddresses,
  ];
}

function decodeCertificate([times, [serial, fingerprint, subject], ...more]: StoredCertificate): IndexedCertificate {
  const [notBeforeMs, notAfterMs, renewAtMs, issuedAtMs] = times;
  const [caFingerprints, dnsNames, uris, ipAddresses] = more;
  return {
    serial: expandHex(serial),
    fingerprint: expandHex(fingerprint),
    subject,
    notBeforeMs,
    notAfterMs,
    renewAtMs,
    issuedAtMs,
    caFingerprints: sharedFingerprints(caFingerprints),
    dnsNames: sharedIfEmpty(dnsNames),
    uris: sharedIfEmpty(uris),
    ipAddresses: sharedIfEmpty(ipAddresses),
  };
}

/** Volumes share the objects of their issuers. */
const issuers = new Map<string, IndexedVolume['issuer']>();

function sharedIssuer([group, kind, namespace, name]: StoredIssuer): IndexedVolume['issuer'] {
  return sharedIn(issuers, `${group}/${kind}/${namespace}/${name}`, () => ({ group, kind, namespace, name }));
}
