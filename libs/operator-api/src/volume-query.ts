import { servedStates, volumeStatuses } from '@certfleet/fleet-model/vocabulary.ts';
import { Type } from 'typebox';
import type { Static, TString } from 'typebox';
import { cursor, limit, oneOf, order, names, nonEmptyString, time } from './fields.ts';
import { fingerprintPattern } from './fingerprint.ts';
import { lifetimePattern } from './lifetime.ts';
import { groupPattern, labelPattern } from './group-pattern.ts';
import { groupSorting } from './groups.ts';
import { groupKeys, riskReasons, volumeSorts } from './vocabulary.ts';

/** One or more of some words, separated by commas. */
const someOf = (words: readonly string[]): TString => {
  const word = words.join('|');
  const description = `One or more of ${words.join(', ')}, separated by commas`;
  return Type.String({ pattern: `^(${word})(,(${word}))*$`, description });
};

/** Filters for the cryptographic properties of certificates. An agent of an earlier release reports only the lifetime. */
const postureFilters = {
  rsaBelow: Type.Optional(
    Type.String({ pattern: '^[1-9][0-9]{0,5}$', description: 'RSA keys with fewer bits than this, such as 3072' }),
  ),
  signature: Type.Optional(
    nonEmptyString(
      'One or more signature algorithms as OpenSSL names them, separated by commas; `*` stands for any characters, as in *sha1*',
    ),
  ),
  lifetimeOver: Type.Optional(
    Type.String({
      pattern: lifetimePattern,
      description: 'Valid for longer than this, from not-before to not-after, such as 90d or 720h',
    }),
  ),
  requestedOver: Type.Optional(
    Type.String({
      pattern: lifetimePattern,
      description: 'The volume requests a longer lifetime than this, such as 90d',
    }),
  ),
  isCa: Type.Optional(oneOf(['true', 'false'], 'Whether the certificate may sign certificates')),
  usage: Type.Optional(
    nonEmptyString(
      'One or more key usages as cert-manager names them, separated by commas, such as server auth; a certificate with any ' +
        'of them matches; `*` stands for any characters',
    ),
  ),
};

/** Filters for volumes; all given criteria must match. */
const filters = {
  search: Type.Optional(
    nonEmptyString(
      'Part of pod, namespace, namespace/pod, node, volume id, issuer, DNS name, URI, IP address, serial, fingerprint of ' +
        'the certificate or of its CA, or of the reason or message of the last failure, case-insensitive',
    ),
  ),
  namespace: Type.Optional(names('Namespace of the pod')),
  pod: Type.Optional(names('Name of the pod')),
  node: Type.Optional(names('Name of the node')),
  volumeId: Type.Optional(nonEmptyString('Id of the volume')),
  issuer: Type.Optional(names('Key of the issuer (kind.group/namespace/name), its name or namespace/name', 1024)),
  state: Type.Optional(someOf(volumeStatuses)),
  served: Type.Optional(someOf(servedStates)),
  expiresBefore: Type.Optional(time('Expires before this time (RFC 3339)')),
  expiresAfter: Type.Optional(time('Expires at this time or later (RFC 3339)')),
  renewsBefore: Type.Optional(time('Due for renewal before this time (RFC 3339)')),
  renewsAfter: Type.Optional(time('Due for renewal at this time or later (RFC 3339)')),
  issuedBefore: Type.Optional(time('The present certificate was issued before this time (RFC 3339)')),
  issuedAfter: Type.Optional(time('The present certificate was issued at this time or later (RFC 3339)')),
  caFingerprint: Type.Optional(
    Type.String({
      pattern: fingerprintPattern,
      description: 'SHA-256 of a certificate of the CA file, hexadecimal; colons and upper case are accepted',
    }),
  ),
  workload: Type.Optional(
    names('What created the pod: its name, kind/name or namespace/kind/name, such as Deployment/web', 512),
  ),
  label: Type.Optional(
    Type.String({
      pattern: labelPattern,
      description:
        'Labels of the pod that the operator chose, key=value, separated by commas; several values of one key match any ' +
        'of them, and `*` stands for any characters',
      maxLength: 1024,
    }),
  ),
  ...postureFilters,
};

/** Not a criterion of renewals: a risk depends on nodes and lanes, which change while a renewal runs. */
const risk = {
  risk: Type.Optional(
    Type.String({
      pattern: `^(any|none|(${riskReasons.join('|')})(,(${riskReasons.join('|')}))*)$`,
      description: `Only volumes at risk (any), not at risk (none), or at risk for one of these reasons, separated by commas: ${riskReasons.join(', ')}`,
    }),
  ),
};

const sorting = {
  sort: Type.Optional(oneOf(volumeSorts, 'Sort key; expires if absent')),
  order,
};

const before = Type.Optional(nonEmptyString('The `previous` value of the following page', 4096));

export const VolumeFilterSchema = Type.Object(filters, { additionalProperties: false });
export type VolumeFilter = Static<typeof VolumeFilterSchema>;

export const VolumeQuerySchema = Type.Object(
  { ...filters, ...risk, ...sorting, limit, after: cursor, before },
  { additionalProperties: false },
);

/** Groups the volumes of the table. */
export const GroupQuerySchema = Type.Object(
  {
    ...filters,
    ...risk,
    by: Type.String({
      pattern: groupPattern,
      description: `Property by which volumes are grouped: ${groupKeys.join(', ')}, or label: and the key of a label; ca: the certificates of the CA file`,
    }),
    ...groupSorting,
  },
  { additionalProperties: false },
);
export type GroupQuery = Static<typeof GroupQuerySchema>;

/** Exports the whole table as a file. */
export const VolumeExportSchema = Type.Object(
  { ...filters, ...risk, ...sorting, format: oneOf(['csv', 'json'], 'CSV (RFC 4180) or one JSON array') },
  { additionalProperties: false },
);

/** Suggestions for the filter boxes. */
export const FacetQuerySchema = Type.Object(
  {
    prefix: Type.Optional(nonEmptyString('Prefix of the suggested values, or of the names of issuers')),
    limit: Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'Maximum entries per kind' }),
  },
  { additionalProperties: false },
);
export type FacetQuery = Static<typeof FacetQuerySchema>;
