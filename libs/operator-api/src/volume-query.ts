import { servedStates, volumeStates } from '@certfleet/fleet-model/vocabulary.ts';
import { Type } from 'typebox';
import type { Static, TString } from 'typebox';
import { cursor, limit, oneOf, order, nonEmptyString, time } from './fields.ts';
import { volumeSorts } from './vocabulary.ts';

/** One or more of some words, separated by commas. */
const someOf = (words: readonly string[]): TString => {
  const word = words.join('|');
  const description = `One or more of ${words.join(', ')}, separated by commas`;
  return Type.String({ pattern: `^(${word})(,(${word}))*$`, description });
};

/** Filters for volumes; all given criteria must match. */
const filters = {
  search: Type.Optional(
    nonEmptyString('Part of pod, namespace, node, volume id, issuer, DNS name or serial, case-insensitive'),
  ),
  namespace: Type.Optional(nonEmptyString('Namespace of the pod')),
  pod: Type.Optional(nonEmptyString('Name of the pod')),
  node: Type.Optional(nonEmptyString('Name of the node')),
  volumeId: Type.Optional(nonEmptyString('Id of the volume')),
  issuer: Type.Optional(nonEmptyString('Key of the issuer, kind.group/namespace/name', 1024)),
  state: Type.Optional(someOf(volumeStates)),
  served: Type.Optional(someOf(servedStates)),
  expiresBefore: Type.Optional(time('Expires before this time (RFC 3339)')),
  renewsBefore: Type.Optional(time('Due for renewal before this time (RFC 3339)')),
  caFingerprint: Type.Optional(
    Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of a certificate of the CA file, hexadecimal' }),
  ),
};

const sorting = {
  sort: Type.Optional(oneOf(volumeSorts, 'Sort key; expires if absent')),
  order,
};

export const VolumeFilterSchema = Type.Object(filters, { additionalProperties: false });
export type VolumeFilter = Static<typeof VolumeFilterSchema>;

export const VolumeQuerySchema = Type.Object(
  { ...filters, ...sorting, limit, after: cursor },
  { additionalProperties: false },
);

/** Exports the whole table as a file. */
export const VolumeExportSchema = Type.Object(
  { ...filters, ...sorting, format: oneOf(['csv', 'json'], 'CSV (RFC 4180) or one JSON array') },
  { additionalProperties: false },
);

/** Suggestions for the filter boxes. */
export const FacetQuerySchema = Type.Object(
  {
    prefix: Type.Optional(nonEmptyString('Prefix of the suggested values')),
    limit: Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'Maximum entries per kind' }),
  },
  { additionalProperties: false },
);
export type FacetQuery = Static<typeof FacetQuerySchema>;
