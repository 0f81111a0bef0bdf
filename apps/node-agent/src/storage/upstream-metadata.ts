import { isAbsolute } from 'node:path';
import { dateField, optionalField, parseJsonObject, stringField, stringMapField } from './json-fields.ts';
import { damaged } from './storage-error.ts';

/** The peer's metadata.json, as far as it matters here. */
export interface UpstreamMetadata {
  readonly volumeId: string;
  readonly targetPath: string;
  /** When the peer would have renewed; undefined when it never issued. */
  readonly nextIssuanceTime: Date | undefined;
  /** May hold a keystore password and tokens. */
  readonly volumeContext: Readonly<Record<string, string>>;
  readonly volumeMountGroup: string;
}

/**
 * Reads the peer's metadata.json, which it writes in place: a kill can leave any part of it.
 * @throws CertfleetError failed-precondition, reason DamagedVolume; it repeats nothing of the text
 */
export function parseUpstreamMetadata(text: string): UpstreamMetadata {
  // Go writes an unset map or pointer as null where it is not left out.
  const json = Object.fromEntries(Object.entries(parseJsonObject(text)).filter(([, value]) => value !== null));
  const targetPath = stringField(json, 'targetPath');
  if (!isAbsolute(targetPath) || targetPath.split('/').includes('..'))
    throw damaged('targetPath: expected an absolute path');
  const next = optionalField(json, 'nextIssuanceTime', dateField);
  return {
    volumeId: stringField(json, 'volumeID'),
    targetPath,
    // Go's zero time is in year 1.
    nextIssuanceTime: next === undefined || next.getUTCFullYear() <= 1 ? undefined : next,
    volumeContext: optionalField(json, 'volumeContext', stringMapField) ?? {},
    volumeMountGroup: optionalField(json, 'volumeMountGroup', stringField) ?? '',
  };
}

/** The same metadata with another next issuance; fields that are not known here stay. */
export function withNextIssuance(text: string, nextIssuanceTime: Date): string {
  return JSON.stringify({ ...parseJsonObject(text), nextIssuanceTime });
}
