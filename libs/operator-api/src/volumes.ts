import { issuanceCauses, issuancePaths } from '@certfleet/fleet-model/issuance-causes.ts';
import {
  keyTypes,
  probeFailures,
  servedStates,
  volumeStatuses,
  waitReasons,
} from '@certfleet/fleet-model/vocabulary.ts';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { riskReasons } from './vocabulary.ts';
import { count, oneOf, nonEmptyString, time, string } from './fields.ts';
import { GroupSchema } from './groups.ts';

export const VolumePathSchema = Type.Object({
  node: nonEmptyString('Name of the node'),
  volumeId: nonEmptyString('Id of the volume'),
});
export type VolumePath = Static<typeof VolumePathSchema>;

const WaitSchema = Type.Object({
  reason: oneOf(waitReasons, 'Wait reason'),
  until: Type.Optional(time('Expected start time, if known')),
});
export type Wait = Static<typeof WaitSchema>;

const FailureSchema = Type.Object({
  at: time('Time of the last failed attempt'),
  reason: string('Reason code'),
  message: string('Error message'),
  attempts: count('Failed attempts since the last success'),
});

const ServedSchema = Type.Object({
  state: oneOf(servedStates, "What the pod's server was seen to use"),
  since: Type.Optional(time('Start of this state')),
  failure: Type.Optional(oneOf(probeFailures, 'Why the state is unknown')),
});
export type Served = Static<typeof ServedSchema>;

const RiskSchema = Type.Object({
  reason: oneOf(riskReasons, 'Why the renewal is not certain'),
  since: Type.Optional(
    time('Start of the condition; of a failing volume, its first failed attempt since the last success'),
  ),
});

const PostureSchema = Type.Object({
  keyBits: Type.Optional(count('Bits of an RSA key')),
  curve: Type.Optional(string('Curve of another key, such as P-256')),
  signature: string('Signature algorithm as OpenSSL names it, such as sha256WithRSAEncryption'),
  requestedSeconds: Type.Optional(count('Lifetime that the volume requests, in seconds')),
  isCa: Type.Boolean({ description: 'Whether the certificate may sign certificates' }),
  usages: Type.Array(Type.String(), { description: 'Key usages as cert-manager names them' }),
});

const row = {
  node: string('Name of the node'),
  volumeId: string('Id of the volume'),
  namespace: string('Namespace of the pod'),
  pod: string('Name of the pod'),
  issuer: string('Key of the issuer, kind.group/namespace/name'),
  laneId: string("Id of the issuer's lane"),
  generation: count('Number of certificates issued so far'),
  state: oneOf(volumeStatuses, 'Status of the volume'),
  waiting: Type.Optional(WaitSchema),
  risk: Type.Optional(RiskSchema),
  keyType: oneOf(keyTypes, 'Key type'),
  workload: Type.Optional(string('Kind and name of what created the pod, such as Deployment/web')),
  labels: Type.Optional(
    Type.Record(Type.String(), Type.String(), { description: 'Labels of the pod that the operator chose' }),
  ),
  lifetimeSeconds: Type.Optional(count('From not-before to not-after, in seconds')),
  posture: Type.Optional(PostureSchema),
  cause: oneOf(issuanceCauses, 'Why the certificate was issued'),
  attempts: count('Failed attempts since the last success'),
  notBefore: Type.Optional(time('Start of validity')),
  notAfter: Type.Optional(time('End of validity')),
  renewAt: Type.Optional(time('Time at which the renewal is due')),
  issuedAt: Type.Optional(time('Time of issuance')),
  serial: Type.Optional(string('Serial number, hexadecimal')),
  subject: Type.Optional(string('Subject (RFC 4514)')),
  dnsNames: Type.Array(Type.String()),
  failure: Type.Optional(FailureSchema),
  served: Type.Optional(ServedSchema),
};

/** A row of the table of volumes. */
export const VolumeRowSchema = Type.Object(row);
export type VolumeRow = Static<typeof VolumeRowSchema>;

export const VolumePageSchema = Type.Object({
  volumes: Type.Array(VolumeRowSchema),
  total: count('Matching volumes on all pages'),
  offset: count('Matching volumes before the first of this page'),
  next: Type.Optional(string('Value of `after` for the next page; absent on the last page')),
  previous: Type.Optional(string('Value of `before` for the previous page; absent on the first page')),
});
export type VolumePage = Static<typeof VolumePageSchema>;

/** One attempt to issue a certificate. */
const IssuanceSchema = Type.Object({
  at: time('End of the attempt'),
  generation: count('Generation that the attempt produced or would have produced'),
  cause: oneOf(issuanceCauses, 'Cause of the attempt'),
  path: oneOf(
    issuancePaths,
    'What started the attempt: a mount, the controller, or the fallback deadline of the agent',
  ),
  durationMs: Type.Optional(count('Duration in milliseconds; absent if the agent did not report it')),
  result: oneOf(['issued', 'failed'], 'Result'),
  error: Type.Optional(string('Error message')),
});
export type Issuance = Static<typeof IssuanceSchema>;

/** A volume with its identity and history. */
export const VolumeDetailSchema = Type.Object({
  ...row,
  podUid: string('UID of the pod'),
  fingerprint: Type.Optional(string('SHA-256 of the certificate, hexadecimal')),
  caFingerprints: Type.Array(Type.String(), { description: "SHA-256 of the certificates of the certificate's CA" }),
  trustedCaFingerprints: Type.Optional(
    Type.Array(Type.String(), {
      description: 'SHA-256 of all certificates in the CA file; absent if they are those of caFingerprints',
    }),
  ),
  uris: Type.Array(Type.String()),
  ipAddresses: Type.Array(Type.String()),
  history: Type.Array(IssuanceSchema, { description: 'The last ten attempts, latest first' }),
});
export type VolumeDetail = Static<typeof VolumeDetailSchema>;

const facet = Type.Array(Type.Object({ value: string('Suggested value'), count: count('Volumes with this value') }));

/** Suggestions for the filter boxes, most frequent first. */
export const FacetsSchema = Type.Object({
  namespaces: facet,
  nodes: facet,
  issuers: facet,
  isComplete: Type.Boolean({ description: 'False if there are more values than returned' }),
});
export type Facets = Static<typeof FacetsSchema>;

/** Groups of the volumes that match a filter. */
export const VolumeGroupsSchema = Type.Object({
  groups: Type.Array(GroupSchema),
  total: count('All groups, including those beyond the limit'),
  volumes: count(
    'Volumes that match the filter. By ca, a volume belongs to a group for each certificate of its CA file',
  ),
});
export type VolumeGroups = Static<typeof VolumeGroupsSchema>;
