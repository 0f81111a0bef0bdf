import { isAbsolute } from 'node:path';
import { dateField, optionalField, parseJsonObject, stringField, stringMapField } from './json-fields.ts';
import { damaged } from './storage-error.ts';
import type { VolumeRecord } from './volume-record.ts';

/** The fields of csi-driver's metadata.json that the agent uses. */
export interface UpstreamMetadata {
  readonly volumeId: string;
  readonly targetPath: string;
  /** When csi-driver would have renewed; undefined if it never issued. */
  readonly nextIssuanceTime: Date | undefined;
  /** May contain a keystore password and tokens. */
  readonly volumeContext: Readonly<Record<string, string>>;
  readonly volumeMountGroup: string;
}

/**
 * Parses csi-driver's metadata.json. It is written in place, so a crash can leave any part of it.
 * @throws CertfleetError failed-precondition, reason DamagedVolume; it never repeats the text
 */
export function parseUpstreamMetadata(text: string): UpstreamMetadata {
  // Go writes an unset map or pointer as null unless it is omitted.
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

/** The same metadata with another next issuance time; unknown fields are kept. */
export function withNextIssuance(text: string, nextIssuanceTime: Date): string {
  return JSON.stringify({ ...parseJsonObject(text), nextIssuanceTime });
}

/** How Go writes its zero time; csi-driver issues such a volume at its next start. */
const neverIssued = '0001-01-01T00:00:00Z';

/**
 * The text of csi-driver's metadata.json for a volume of the agent. A volume that no pod uses yet gets no time: the kubelet
 * publishes it again.
 */
export function encodeUpstreamMetadata(
  { volumeId, targetPath, volumeMountGroup, phase, issued }: VolumeRecord,
  volumeContext: Readonly<Record<string, string>>,
): string {
  const nextIssuanceTime = issued?.renewAt ?? (phase === 'published' ? neverIssued : undefined);
  return JSON.stringify({
    volumeID: volumeId,
    targetPath,
    nextIssuanceTime,
    volumeContext,
    volumeMountGroup: volumeMountGroup === '' ? undefined : volumeMountGroup,
  });
}
