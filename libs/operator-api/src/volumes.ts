import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, oneOf, nonEmptyString, time, string } from './fields.ts';
import { waitReasons, issuanceCauses, keyTypes, volumeStates } from './vocabulary.ts';

/** Which volume a path means. */
export const VolumePathSchema = Type.Object({
  node: nonEmptyString('Name of the node'),
  volumeId: nonEmptyString('Id of the volume'),
});
export type VolumePath = Static<typeof VolumePathSchema>;

/** Why a lane lets a renewal wait, and until when as far as that is known. */
const WaitSchema = Type.Object({
  reason: oneOf(waitReasons, 'Why the lane lets it wait'),
  until: Type.Optional(time('When its turn is expected')),
});
export type Wait = Static<typeof WaitSchema>;

const FailureSchema = Type.Object({
  at: time('Time of the last failed try'),
  reason: string('One word for why'),
  message: string('Why'),
  attempts: count('Failed tries since the last success'),
});

const row = {
  node: string('Name of the node'),
  volumeId: string('Id of the volume'),
  namespace: string('Namespace of the pod'),
  pod: string('Name of the pod'),
  issuer: string('Key of the issuer, kind.group/namespace/name'),
  laneId: string("Id of the issuer's lane"),
  generation: count('Issuances so far'),
  state: oneOf(volumeStates, 'How the volume stands'),
  waiting: Type.Optional(WaitSchema),
  keyType: oneOf(keyTypes, 'Kind of the key'),
  cause: oneOf(issuanceCauses, 'What brought the certificate about'),
  attempts: count('Failed tries since the last success'),
  notBefore: Type.Optional(time('Begin of validity')),
  notAfter: Type.Optional(time('End of validity')),
  renewAt: Type.Optional(time('When the renewal is due')),
  issuedAt: Type.Optional(time('When the certificate was issued')),
  serial: Type.Optional(string('Serial number, hexadecimal')),
  subject: Type.Optional(string('Subject in the form of RFC 4514')),
  dnsNames: Type.Array(Type.String()),
  failure: Type.Optional(FailureSchema),
};

/** A row of the table of volumes. */
const VolumeRowSchema = Type.Object(row);
export type VolumeRow = Static<typeof VolumeRowSchema>;

export const VolumePageSchema = Type.Object({
  volumes: Type.Array(VolumeRowSchema),
  total: count('Matching volumes on all pages'),
  next: Type.Optional(string('What to ask the next page `after`; absent on the last one')),
});
export type VolumePage = Static<typeof VolumePageSchema>;

/** A try to issue, as it went. */
const IssuanceSchema = Type.Object({
  at: time('When it ended'),
  generation: count('The generation that it made, or would have made'),
  cause: oneOf(issuanceCauses, 'What brought it about'),
  path: oneOf(['mount', 'controller', 'deadline'], 'Who set it going: the mount, the controller, or the agent itself'),
  durationMs: Type.Optional(count('How long the agent took, in milliseconds; absent when it did not say')),
  result: oneOf(['issued', 'failed'], 'How it ended'),
  error: Type.Optional(string('Why it failed')),
});
export type Issuance = Static<typeof IssuanceSchema>;

/** Everything known of one volume. */
export const VolumeDetailSchema = Type.Object({
  ...row,
  podUid: string('UID of the pod'),
  fingerprint: Type.Optional(string('SHA-256 of the certificate, hexadecimal')),
  caFingerprints: Type.Array(Type.String()),
  uris: Type.Array(Type.String()),
  ipAddresses: Type.Array(Type.String()),
  history: Type.Array(IssuanceSchema, { description: 'The last ten, the latest first' }),
});
export type VolumeDetail = Static<typeof VolumeDetailSchema>;

const facet = Type.Array(Type.Object({ value: string('What is offered'), count: count('Volumes of it') }));

/** What the filter boxes offer, the most frequent first. */
export const FacetsSchema = Type.Object({
  namespaces: facet,
  nodes: facet,
  issuers: facet,
  isComplete: Type.Boolean({ description: 'False when there are more than are shown' }),
});
export type Facets = Static<typeof FacetsSchema>;
