import { CertfleetError } from '@certfleet/shared/errors.ts';
import { Secret } from '@certfleet/shared/secret.ts';
import {
  countField,
  dateField,
  objectField,
  objectsField,
  optionalField,
  parseJsonObject,
  stringField,
  stringMapField,
  stringsField,
} from './json-fields.ts';
import type { JsonObject } from './json-fields.ts';
import { isSecretAttribute } from './secret-attributes.ts';
import { damaged } from './storage-error.ts';
import type {
  IssuanceFailure,
  IssuedFacts,
  RequestProgress,
  VolumeRecord,
  VolumeSecrets,
  VolumeTrust,
} from './volume-record.ts';

/** Incremented when an older agent could misread the format. */
const schemaVersion = 1;
/** Of a record with values of the pod's object: an older agent would issue certificates without them. */
const podValuesVersion = 2;

/**
 * Encodes a record as volume.json.
 * @throws CertfleetError internal if an attribute is a secret, which must not be part of metadata
 */
export function encodeVolumeRecord(record: VolumeRecord): string {
  const leak = Object.keys(record.attributes).find(isSecretAttribute);
  if (leak !== undefined) throw new CertfleetError('internal', `expected no secret in the metadata, found ${leak}`);
  return JSON.stringify({ schemaVersion: versionOf(record), ...record });
}

/**
 * Decodes volume.json.
 * @throws CertfleetError failed-precondition, reason DamagedVolume, if it is truncated, foreign or of another version
 */
export function decodeVolumeRecord(text: string): VolumeRecord {
  const json = parseJsonObject(text);
  const podValues = optionalField(json, 'podValues', stringMapField);
  const [version, expected] = [countField(json, 'schemaVersion'), versionOf({ podValues })];
  if (version !== expected) throw damaged(`schemaVersion: expected ${expected}, found ${version}`);
  const phase = stringField(json, 'phase');
  if (phase !== 'created' && phase !== 'published') throw damaged('phase: expected created or published');
  return Object.freeze({
    volumeId: stringField(json, 'volumeId'),
    targetPath: stringField(json, 'targetPath'),
    attributes: stringMapField(json, 'attributes'),
    volumeMountGroup: stringField(json, 'volumeMountGroup'),
    podValues,
    createdAt: dateField(json, 'createdAt'),
    phase,
    generation: countField(json, 'generation'),
    issued: optionalField(json, 'issued', issuedField),
    lastFailure: optionalField(json, 'lastFailure', failureField),
    deferredUntil: optionalField(json, 'deferredUntil', dateField),
    request: optionalField(json, 'request', requestField),
    obsoleteRequests: optionalField(json, 'obsoleteRequests', stringsField),
    signalledGeneration: optionalField(json, 'signalledGeneration', countField),
    trust: optionalField(json, 'trust', trustField),
  });
}

function versionOf({ podValues }: Pick<VolumeRecord, 'podValues'>): number {
  return podValues === undefined ? schemaVersion : podValuesVersion;
}

function issuedField(parent: JsonObject, name: string): IssuedFacts {
  const json = objectField(parent, name);
  return Object.freeze({
    requestName: optionalField(json, 'requestName', stringField),
    serialNumber: stringField(json, 'serialNumber'),
    fingerprintSha256: stringField(json, 'fingerprintSha256'),
    notBefore: dateField(json, 'notBefore'),
    notAfter: dateField(json, 'notAfter'),
    issuedAt: dateField(json, 'issuedAt'),
    renewAt: dateField(json, 'renewAt'),
    caFingerprintsSha256: stringsField(json, 'caFingerprintsSha256'),
    podAddresses: optionalField(json, 'podAddresses', stringField),
  });
}

function failureField(parent: JsonObject, name: string): IssuanceFailure {
  const json = objectField(parent, name);
  return Object.freeze({
    at: dateField(json, 'at'),
    since: optionalField(json, 'since', dateField),
    reason: stringField(json, 'reason'),
    message: stringField(json, 'message'),
    // Records of earlier agents have no number of attempts.
    attempts: optionalField(json, 'attempts', countField) ?? 1,
    retryAt: optionalField(json, 'retryAt', dateField),
  });
}

function requestField(parent: JsonObject, name: string): RequestProgress {
  const json = objectField(parent, name);
  return Object.freeze({
    abandoned: countField(json, 'abandoned'),
    refusals: countField(json, 'refusals'),
    sentAt: optionalField(json, 'sentAt', dateField),
  });
}

function trustField(parent: JsonObject, name: string): VolumeTrust {
  const json = objectField(parent, name);
  const sources = objectsField(json, 'sources').map((source) =>
    Object.freeze({ source: stringField(source, 'source'), fingerprints: stringsField(source, 'fingerprints') }),
  );
  return Object.freeze({
    certificateSha256: stringField(json, 'certificateSha256'),
    ownCaFingerprints: stringsField(json, 'ownCaFingerprints'),
    sources: Object.freeze(sources),
  });
}

/** Encodes secrets for their file, in plain text: the only place that writes them. */
export function encodeVolumeSecrets(secrets: VolumeSecrets): string {
  return JSON.stringify({
    schemaVersion,
    // The name is older than the JKS format.
    keystorePassword: secrets.pkcs12Password?.reveal(),
    jksPassword: secrets.jksPassword?.reveal(),
    serviceAccountTokens: secrets.serviceAccountTokens?.reveal(),
    pendingKeyPem: secrets.pendingKeyPem?.reveal(),
  });
}

/**
 * Decodes the file of secrets.
 * @throws CertfleetError failed-precondition, reason DamagedVolume; it never repeats the text
 */
export function decodeVolumeSecrets(text: string): VolumeSecrets {
  const json = parseJsonObject(text);
  const version = countField(json, 'schemaVersion');
  if (version !== schemaVersion) throw damaged(`schemaVersion: expected ${schemaVersion}, found ${version}`);
  const secretField = (object: JsonObject, name: string): Secret => new Secret(stringField(object, name));
  return Object.freeze({
    pkcs12Password: optionalField(json, 'keystorePassword', secretField),
    jksPassword: optionalField(json, 'jksPassword', secretField),
    serviceAccountTokens: optionalField(json, 'serviceAccountTokens', secretField),
    pendingKeyPem: optionalField(json, 'pendingKeyPem', secretField),
  });
}
