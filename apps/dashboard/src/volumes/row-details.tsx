import type { ComponentChildren, JSX } from 'preact';
import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import { keyText, labelsText, lifetimeText } from '../ui/posture-texts.ts';
import { RelativeTime } from '../ui/relative-time.tsx';
import { RiskAdvice } from '../ui/risk-advice.tsx';
import { ServedNote } from '../ui/served-note.tsx';

/** What the columns of the table cut off or leave out. */
export function RowDetails({ row }: { readonly row: VolumeRow }): JSX.Element {
  const { failure, risk, served, serial, subject, dnsNames, issuedAt, notBefore, volumeId, issuer } = row;
  const facts: readonly (readonly [title: string, value: ComponentChildren])[] = [
    ['Last error', failure && `${failure.reason}: ${failure.message}`],
    ['Last attempt', failure && <RelativeTime at={failure.at} />],
    ['What to do', risk && <RiskAdvice reason={risk.reason} />],
    ['Issuer', issuer],
    ['Subject', subject],
    ['DNS names', dnsNames.join(', ')],
    ['Serial', serial && <span class="mono">{serial}</span>],
    ['Workload', row.workload],
    ['Labels', row.labels && labelsText(row.labels)],
    ['Key', keyText(row)],
    ['Signature', row.posture?.signature],
    ['Lifetime', lifetimeText(row)],
    ['Usages', row.posture?.usages.join(', ')],
    ['Valid from', notBefore && <RelativeTime at={notBefore} />],
    ['Issued', issuedAt && <RelativeTime at={issuedAt} />],
    ['Issuances', String(row.generation)],
    ['Served', served && <ServedNote served={served} />],
    [
      'Volume',
      <span key="volume" class="mono">
        {volumeId}
      </span>,
    ],
  ];
  return (
    <dl class="fact-list">
      {facts
        .filter(([, value]) => value !== undefined && value !== '')
        .map(([title, value]) => (
          <div key={title}>
            <dt>{title}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
