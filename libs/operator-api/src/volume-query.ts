import { Type } from 'typebox';
import type { Static } from 'typebox';
import { cursor, limit, oneOf, order, nonEmptyString, time } from './fields.ts';
import { volumeSorts, volumeStates } from './vocabulary.ts';

const state = volumeStates.join('|');

/** Which volumes are meant; every criterion that is given must hold. */
const filters = {
  search: Type.Optional(
    nonEmptyString('Part of pod, namespace, node, volume id, issuer, DNS name or serial; case does not matter'),
  ),
  namespace: Type.Optional(nonEmptyString('Namespace of the pod')),
  pod: Type.Optional(nonEmptyString('Name of the pod')),
  node: Type.Optional(nonEmptyString('Name of the node')),
  volumeId: Type.Optional(nonEmptyString('Id of the volume')),
  issuer: Type.Optional(nonEmptyString('Key of the issuer, kind.group/namespace/name', 1024)),
  state: Type.Optional(
    Type.String({
      pattern: `^(${state})(,(${state}))*$`,
      description: `One or several of ${volumeStates.join(', ')}, separated by commas`,
    }),
  ),
  expiresBefore: Type.Optional(time('Expires before this time (RFC 3339)')),
  renewsBefore: Type.Optional(time('Its renewal is due before this time (RFC 3339)')),
  caFingerprint: Type.Optional(
    Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of a certificate of the CA file, hexadecimal' }),
  ),
};

const sorting = {
  sort: Type.Optional(oneOf(volumeSorts, 'What the rows are sorted by, expires unless given')),
  order,
};

export const VolumeFilterSchema = Type.Object(filters, { additionalProperties: false });
export type VolumeFilter = Static<typeof VolumeFilterSchema>;

/** A page of the table of volumes. */
export const VolumeQuerySchema = Type.Object(
  { ...filters, ...sorting, limit, after: cursor },
  { additionalProperties: false },
);

/** The whole table as a file. */
export const VolumeExportSchema = Type.Object(
  { ...filters, ...sorting, format: oneOf(['csv', 'json'], 'CSV by RFC 4180, or one JSON array') },
  { additionalProperties: false },
);

/** What the filter boxes offer. */
export const FacetQuerySchema = Type.Object(
  {
    prefix: Type.Optional(nonEmptyString('Offers only what begins so')),
    limit: Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'Most entries of each kind' }),
  },
  { additionalProperties: false },
);
export type FacetQuery = Static<typeof FacetQuerySchema>;
