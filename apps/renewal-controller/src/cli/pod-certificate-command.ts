import type {
  PodCertificate,
  PodCertificateGroups,
  PodCertificatePage,
  PodCertificateSummary,
} from '@certfleet/operator-api/pod-certificates.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { allPages, show, withQuery } from './command.ts';
import type { Command, CommandContext } from './command.ts';
import { groupTable } from './group-table.ts';
import { timeLimits } from './time-limit.ts';
import { age, distance, table } from './table.ts';

/** Lists the pod certificates that match the flags, or groups them. */
export const podCertificates: Command = async (context) => {
  const { namespace, node, pod, signer, workload, state, search, 'at-risk': isAtRisk, sort } = context.options.flags;
  const { 'group-by': by } = context.options.flags;
  const risk = isAtRisk === true ? 'any' : undefined;
  const wanted = { namespace, node, pod, signer, workload, state, search, risk, ...timeLimits(context) };
  if (by !== undefined) {
    await listGroups(context, { ...wanted, by, sort });
    return;
  }
  const found = await listPodCertificates(context, {
    ...wanted,
    sort: sort ?? (isAtRisk === true ? 'expires' : 'namespace'),
  });
  assertFollowed(found);
  show(context, found, () => certificateTable(found.certificates, context.clock.now(), isAtRisk === true));
  assertCurrent(found);
};

export type Query = Readonly<Record<string, string | boolean | undefined>>;

/** The groups of the pod certificates that match a query. */
export async function groupPodCertificates({ ask }: CommandContext, query: Query): Promise<PodCertificateGroups> {
  return (await ask('GET', withQuery('pod-certificates/groups', { limit: '1000', ...query }))) as PodCertificateGroups;
}

async function listGroups(context: CommandContext, query: Query): Promise<void> {
  const found = await groupPodCertificates(context, query);
  assertFollowed(found);
  show(context, found, () => groupTable(found, [String(query['by']), 'certificates'], context.clock.now()));
  assertCurrent(found);
}

/** @throws CertfleetError failed-precondition */
function assertFollowed({ following }: Following): void {
  if (following !== 'off') return;
  throw new CertfleetError(
    'failed-precondition',
    'the controller does not follow pod certificates: set controller.podCertificates.enabled in the chart',
  );
}

/** What the controller knows of the pod certificates that match a query. */
type ListedPodCertificates = Pick<PodCertificatePage, 'certificates' | 'following' | 'problem'>;
export type Following = Pick<PodCertificatePage, 'following' | 'problem'>;

export async function listPodCertificates({ ask }: CommandContext, query: Query): Promise<ListedPodCertificates> {
  const pages = await allPages<PodCertificatePage>(ask, 'pod-certificates', query);
  const certificates = pages.flatMap((page) => page.certificates);
  const { following = 'current', problem } = pages.at(-1) ?? {};
  return { certificates, following, ...(problem !== undefined && { problem }) };
}

/** @throws CertfleetError unavailable if rows may be outdated or missing, with exit code 2 */
export function assertCurrent({ following, problem }: Following): void {
  if (following === 'current' || following === 'off') return;
  const why = problem ?? 'they are not loaded yet';
  throw new CertfleetError('unavailable', `rows of pod certificates may be outdated or missing: ${why}`, {
    reason: 'Partial',
  });
}

/** @param isAtRisk whether the reasons of risks are shown instead of the times of requests */
export function certificateTable(certificates: readonly PodCertificate[], nowMs: number, isAtRisk: boolean): string {
  const columns: Columns = [
    ['NAMESPACE', ({ namespace }) => namespace],
    ['POD', ({ pod }) => pod],
    ['NODE', ({ node }) => node],
    ['SIGNER', ({ signer }) => signer],
    ['STATE', ({ state, reason }) => (reason === undefined ? state : `${state} (${reason})`)],
    ...(isAtRisk ? riskColumns(nowMs) : requestColumns(nowMs)),
    ['EXPIRES IN', ({ notAfter }) => distance(notAfter, nowMs)],
    ['KEY', ({ keyType }) => keyType],
    ['VOLUME', ({ volumes }) => volumes.join(',')],
  ];
  return table(
    columns.map(([title]) => title),
    certificates.map((each) => columns.map(([, cell]) => cell(each))),
  );
}

type Columns = readonly (readonly [title: string, cell: (certificate: PodCertificate) => string])[];

const riskColumns = (nowMs: number): Columns => [
  ['RISK', ({ risk }) => risk?.reason ?? ''],
  ['SINCE', ({ risk }) => age(risk?.since, nowMs)],
];

const requestColumns = (nowMs: number): Columns => [
  ['SINCE', ({ since }) => age(since, nowMs)],
  ['REFRESHES IN', ({ beginRefreshAt }) => distance(beginRefreshAt, nowMs)],
];

/** The counts of the pod certificates, for the summary of the fleet. */
export function podCertificateCounts(summary: PodCertificateSummary): string {
  const { total, byState, following } = summary;
  // A controller of an earlier release does not send it.
  const { atRisk } = summary as Partial<PodCertificateSummary>;
  const risk = atRisk === undefined ? [] : [['at risk', String(atRisk)]];
  const counts = [...Object.entries(byState).map(([state, count]) => [state, String(count)]), ...risk];
  const note = following === 'current' ? '' : ` (${following})`;
  return table(['POD CERTIFICATES', ''], [['total', `${total}${note}`], ...counts]);
}
