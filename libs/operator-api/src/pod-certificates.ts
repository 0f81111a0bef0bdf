import { Type } from 'typebox';
import type { Static } from 'typebox';
import { count, cursor, limit, names, nonEmptyString, oneOf, order, string, time } from './fields.ts';
import { GroupSchema, groupSorting } from './groups.ts';
import {
  podCertificateFollowing,
  podCertificateGroupKeys,
  podCertificateRisks,
  podCertificateSorts,
  podCertificateStates,
} from './vocabulary.ts';
import type { PodCertificateState } from './vocabulary.ts';

const states = podCertificateStates.join('|');
const risks = podCertificateRisks.join('|');

/** Filters for pod certificates; all given criteria must match. */
const filters = {
  search: Type.Optional(
    nonEmptyString(
      'Part of pod, namespace, namespace/pod, node, ServiceAccount, signer, workload, volume, or of the reason or message ' +
        'of the latest request, case-insensitive',
    ),
  ),
  namespace: Type.Optional(names('Namespace of the pod')),
  pod: Type.Optional(names('Name of the pod')),
  node: Type.Optional(names('Name of the node')),
  signer: Type.Optional(names('Signer name', 1024)),
  workload: Type.Optional(
    names('What created the pod: its name, kind/name or namespace/kind/name, such as Deployment/web', 512),
  ),
  state: Type.Optional(
    Type.String({
      pattern: `^(${states})(,(${states}))*$`,
      description: `One or more of ${podCertificateStates.join(', ')}, separated by commas`,
    }),
  ),
  risk: Type.Optional(
    Type.String({
      pattern: `^(any|none|(${risks})(,(${risks}))*)$`,
      description: `Only pod certificates at risk (any), not at risk (none), or at risk for one of these reasons, separated by commas: ${podCertificateRisks.join(', ')}`,
    }),
  ),
  expiresBefore: Type.Optional(time('Only certificates that expire before this time')),
};

export const PodCertificateQuerySchema = Type.Object(
  {
    ...filters,
    sort: Type.Optional(oneOf(podCertificateSorts, 'Sort key; expires if absent')),
    order,
    limit,
    after: cursor,
  },
  { additionalProperties: false },
);
export type PodCertificateQuery = Static<typeof PodCertificateQuerySchema>;

/** Groups the rows of the table. */
export const PodCertificateGroupQuerySchema = Type.Object(
  {
    ...filters,
    by: oneOf(podCertificateGroupKeys, 'Property by which pod certificates are grouped'),
    ...groupSorting,
  },
  { additionalProperties: false },
);
export type PodCertificateGroupQuery = Static<typeof PodCertificateGroupQuerySchema>;

const RiskSchema = Type.Object({
  reason: oneOf(podCertificateRisks, 'Why it is not certain to be valid'),
  since: time('Start of the condition'),
});

/** A certificate that the kubelet requests and projects into a pod. */
const PodCertificateSchema = Type.Object({
  kind: oneOf(['pod-certificate'], 'Kind of the certificate; the certificates of CSI volumes are at /volumes'),
  id: string('Id of the row'),
  namespace: string('Namespace of the pod'),
  pod: string('Name of the pod'),
  podUid: string('UID of the pod'),
  serviceAccount: string('ServiceAccount of the pod'),
  node: string('Name of the node'),
  workload: string('Kind and name of what created the pod, such as Deployment/web'),
  signer: string('Signer name'),
  volumes: Type.Array(Type.String(), { description: 'Volumes of the pod that project it' }),
  keyType: string('Key type as in the pod, such as ECDSAP256'),
  state: oneOf(podCertificateStates, 'State of the pod certificate'),
  risk: Type.Optional(RiskSchema),
  since: Type.Optional(time('Start of a pending or refused request')),
  request: Type.Optional(string('Name of its latest PodCertificateRequest, which the API server keeps for 15 minutes')),
  reason: Type.Optional(string('Reason of a refusal')),
  message: Type.Optional(string('Message of a refusal')),
  notBefore: Type.Optional(time('Start of validity; absent without a known certificate, as the others')),
  notAfter: Type.Optional(time('End of validity')),
  beginRefreshAt: Type.Optional(time('Time from which the kubelet refreshes it')),
});
export type PodCertificate = Static<typeof PodCertificateSchema>;

const counts = Object.fromEntries(
  podCertificateStates.map((state) => [state, count(`Pod certificates in state ${state}`)]),
) as Record<PodCertificateState, ReturnType<typeof count>>;

/** Of a table, with its rows or with their groups. */
const overview = {
  byState: Type.Object(counts, { description: 'Pod certificates by state that match the other filters' }),
  signers: Type.Array(Type.String(), { description: 'Signer names of all pod certificates; at most 200' }),
  following: oneOf(podCertificateFollowing, 'Whether the controller follows pod certificates'),
  problem: Type.Optional(string('Why rows may be outdated or missing')),
};

export const PodCertificatePageSchema = Type.Object({
  certificates: Type.Array(PodCertificateSchema),
  total: count('Matching pod certificates on all pages'),
  ...overview,
  next: Type.Optional(string('Value of `after` for the next page; absent on the last page')),
});
export type PodCertificatePage = Static<typeof PodCertificatePageSchema>;

/** Groups of the pod certificates that match a filter. */
export const PodCertificateGroupsSchema = Type.Object({
  groups: Type.Array(GroupSchema),
  total: count('All groups, including those beyond the limit'),
  certificates: count('Pod certificates that match the filter'),
  ...overview,
});
export type PodCertificateGroups = Static<typeof PodCertificateGroupsSchema>;
/** What is known of a table of pod certificates, with its rows or with their groups. */
export type PodCertificateOverview = Pick<PodCertificateGroups, 'byState' | 'signers' | 'following' | 'problem'>;

/** Counts of the pod certificates, in the summary of the fleet. */
export const PodCertificateSummarySchema = Type.Object({
  total: count('All pod certificates'),
  atRisk: count('Those that are not certain to be valid; see `risk` of a pod certificate'),
  byState: Type.Object(counts),
  following: oneOf(podCertificateFollowing, 'Whether the controller follows pod certificates'),
});
export type PodCertificateSummary = Static<typeof PodCertificateSummarySchema>;
