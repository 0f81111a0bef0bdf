import type {
  PodCertificate,
  PodCertificatePage,
  PodCertificateSummary,
} from '@certfleet/operator-api/pod-certificates.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { allPages, show } from './command.ts';
import type { Command } from './command.ts';
import { age, distance, table } from './table.ts';

/** Lists the pod certificates that match the flags. */
export const podCertificates: Command = async (context) => {
  const { namespace, node, pod, signer, state, search, sort = 'namespace' } = context.options.flags;
  const query = { namespace, node, pod, signer, state, search, sort };
  const pages = await allPages<PodCertificatePage>(context.ask, 'pod-certificates', query);
  const [first] = pages;
  if (first?.following === 'off')
    throw new CertfleetError(
      'failed-precondition',
      'the controller does not follow pod certificates: set controller.podCertificates.enabled in the chart',
    );
  const certificates = pages.flatMap((page) => page.certificates);
  const { following = 'current', problem } = pages.at(-1) ?? {};
  const shown = { certificates, following, ...(problem !== undefined && { problem }) };
  show(context, shown, () => certificateTable(certificates, context.clock.now()));
  if (following === 'current') return;
  throw new CertfleetError('unavailable', `rows may be outdated or missing: ${problem ?? 'they are not loaded yet'}`, {
    reason: 'Partial',
  });
};

function certificateTable(certificates: readonly PodCertificate[], nowMs: number): string {
  const rows = certificates.map((each) => [
    each.namespace,
    each.pod,
    each.node,
    each.signer,
    each.reason === undefined ? each.state : `${each.state} (${each.reason})`,
    age(each.since, nowMs),
    distance(each.beginRefreshAt, nowMs),
    distance(each.notAfter, nowMs),
    each.keyType,
    each.volumes.join(','),
  ]);
  const titles = [
    'NAMESPACE',
    'POD',
    'NODE',
    'SIGNER',
    'STATE',
    'SINCE',
    'REFRESHES IN',
    'EXPIRES IN',
    'KEY',
    'VOLUME',
  ];
  return table(titles, rows);
}

/** The counts of the pod certificates, for the summary of the fleet. */
export function podCertificateCounts({ total, byState, following }: PodCertificateSummary): string {
  const counts = Object.entries(byState).map(([state, count]) => [state, String(count)]);
  const note = following === 'current' ? '' : ` (${following})`;
  return table(['POD CERTIFICATES', ''], [['total', `${total}${note}`], ...counts]);
}
