import type { ComponentChildren, JSX } from 'preact';
import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import { format, t } from '../messages/messages.ts';
import { formatCount } from '../ui/count.ts';
import { keyText, labelsText, lifetimeText } from '../ui/posture-texts.ts';
import { RelativeTime } from '../ui/relative-time.tsx';
import { RiskAdvice } from '../ui/risk-advice.tsx';
import { ServedNote } from '../ui/served-note.tsx';
import { showVolume } from './certfleet-command.ts';
import { CopyCommand } from './copy-command.tsx';
import { describePod } from './kubectl-command.ts';

/** What the columns of the table cut off or leave out. */
export function RowDetails({ row }: { readonly row: VolumeRow }): JSX.Element {
  const { failure, risk, served, serial, subject, dnsNames, issuedAt, notBefore, volumeId, issuer } = row;
  const facts: readonly (readonly [title: string, value: ComponentChildren])[] = [
    [t.fields.lastError, failure && t.volumes.failure(failure)],
    [t.fields.lastAttempt, failure && <RelativeTime at={failure.at} />],
    [t.common.whatToDo, risk && <RiskAdvice reason={risk.reason} />],
    [t.fields.issuer, issuer],
    [t.fields.subject, subject],
    [t.fields.dnsNames, format.list(dnsNames)],
    [t.fields.serial, serial && <span class="mono">{serial}</span>],
    [t.fields.workload, row.workload],
    [t.fields.labels, row.labels && labelsText(row.labels)],
    [t.fields.key, keyText(row)],
    [t.fields.signature, row.posture?.signature],
    [t.fields.lifetime, lifetimeText(row)],
    [t.fields.usages, row.posture && format.list(row.posture.usages)],
    [t.fields.validFrom, notBefore && <RelativeTime at={notBefore} />],
    [t.fields.issued, issuedAt && <RelativeTime at={issuedAt} />],
    [t.fields.issuances, formatCount(row.generation)],
    [t.fields.served, served && <ServedNote served={served} />],
    [
      t.fields.volume,
      <span key="volume" class="mono">
        {volumeId}
      </span>,
    ],
    [
      t.volume.commandLine,
      <span key="commands">
        <CopyCommand command={describePod(row.namespace, row.pod)} title={t.volumes.tools.copyKubectl} look="quiet" />
        <CopyCommand command={showVolume(volumeId)} title={t.volumes.tools.copyCommand} look="quiet" />
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
