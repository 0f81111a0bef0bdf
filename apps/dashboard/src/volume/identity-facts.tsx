import type { ComponentChildren, JSX } from 'preact';
import type { VolumeDetail } from '@certfleet/operator-api/volumes.ts';
import { format, t } from '../messages/messages.ts';
import { auditHref, laneHref, nodeHref, volumesHref } from '../routing/route.ts';
import { CopiedText, CopyButton } from '../ui/copied-text.tsx';
import { formatCount } from '../ui/count.ts';
import { FactList } from '../ui/fact-list.tsx';
import { keyText, labelsText, lifetimeText } from '../ui/posture-texts.ts';
import { RelativeTime } from '../ui/relative-time.tsx';
import { ServedFact } from '../ui/served-note.tsx';
import { showVolume } from '../volumes/certfleet-command.ts';
import { describePod } from '../volumes/kubectl-command.ts';

export function CertificateFacts({ volume }: { readonly volume: VolumeDetail }): JSX.Element {
  const { subject, dnsNames, uris, ipAddresses, serial, fingerprint, caFingerprints } = volume;
  return (
    <FactList
      title={t.volume.certificate}
      facts={[
        [t.fields.subject, subject],
        [t.fields.dnsNames, listed(dnsNames)],
        [t.volume.uris, listed(uris)],
        [t.volume.ipAddresses, listed(ipAddresses)],
        [t.fields.expires, volume.notAfter && <RelativeTime at={volume.notAfter} />],
        [t.fields.renews, volume.renewAt && <RelativeTime at={volume.renewAt} />],
        [t.volume.validSince, volume.notBefore && <RelativeTime at={volume.notBefore} />],
        [
          t.fields.issued,
          volume.issuedAt && (
            <>
              <RelativeTime at={volume.issuedAt} /> <span class="dim">{t.volume.history.causes[volume.cause]}</span>
            </>
          ),
        ],
        [t.fields.served, volume.served && <ServedFact served={volume.served} />],
        ...postureFacts(volume),
        [t.fields.serial, serial && <CopiedText text={serial} label={t.ui.copy.serial} />],
        [t.fields.sha256, fingerprint && <CopiedText text={fingerprint} label={t.ui.copy.fingerprint} />],
        [
          t.volume.caSha256,
          caFingerprints.length === 0 ? undefined : (
            <ul class="plain">
              {caFingerprints.map((each) => (
                <li key={each}>
                  <CopiedText text={each} label={t.ui.copy.caFingerprint} />{' '}
                  <a class="small" href={volumesHref({ caFingerprint: each })}>
                    {t.volume.showAll}
                  </a>
                </li>
              ))}
            </ul>
          ),
        ],
      ]}
    />
  );
}

/** What policies limit. */
function postureFacts(volume: VolumeDetail): readonly (readonly [string, ComponentChildren])[] {
  const { signature, usages, isCa } = volume.posture ?? {};
  return [
    [t.fields.key, keyText(volume)],
    [t.fields.signature, signature],
    [t.fields.lifetime, lifetimeText(volume)],
    [t.fields.usages, usages && format.list(usages)],
    [t.fields.ca, isCa === true ? t.volume.maySign : undefined],
  ];
}

export function WhereFacts({ volume }: { readonly volume: VolumeDetail }): JSX.Element {
  const { pod, namespace, node, podUid, volumeId, issuer, laneId, generation } = volume;
  return (
    <FactList
      title={t.volume.where}
      facts={[
        [t.fields.pod, <CopiedText key="pod" text={pod} label={t.ui.copy.podName} />],
        [
          t.fields.workload,
          volume.workload && (
            <a href={volumesHref({ namespace, workload: volume.workload })} key="workload">
              {volume.workload}
            </a>
          ),
        ],
        [t.fields.labels, volume.labels && labelsText(volume.labels)],
        [
          t.fields.namespace,
          <Linked key="namespace" href={volumesHref({ namespace })} text={namespace} label={t.ui.copy.namespace} />,
        ],
        [t.fields.node, <Linked key="node" href={nodeHref(node)} text={node} label={t.ui.copy.nodeName} />],
        [t.fields.issuer, <Linked key="issuer" href={laneHref(laneId)} text={issuer} label={t.ui.copy.issuerKey} />],
        [t.volume.podUid, <CopiedText key="uid" text={podUid} label={t.ui.copy.podUid} />],
        [t.fields.volume, <CopiedText key="volume" text={volumeId} label={t.ui.copy.volumeId} />],
        [t.fields.issuances, formatCount(generation)],
        [t.volume.inspect, copied(describePod(namespace, pod), t.ui.copy.command)],
        [t.volume.commandLine, copied(showVolume(volumeId), t.ui.copy.certfleetCommand)],
        [
          t.fields.audit,
          <a key="audit" href={auditHref({ target: `${node}/${volumeId}` })}>
            {t.volume.actions}
          </a>,
        ],
      ]}
    />
  );
}

interface LinkedProps {
  readonly href: string;
  readonly text: string;
  readonly label: string;
}

function Linked({ href, text, label }: LinkedProps): JSX.Element {
  return (
    <span class="copied">
      <a href={href}>{text}</a>
      <CopyButton text={text} label={label} />
    </span>
  );
}

function listed(names: readonly string[]): ComponentChildren {
  if (names.length === 0) return undefined;
  return (
    <ul class="plain">
      {names.map((name) => (
        <li key={name}>
          <CopiedText text={name} label={t.ui.copy.name} />
        </li>
      ))}
    </ul>
  );
}

function copied(command: string | undefined, label: string): JSX.Element | undefined {
  return command === undefined ? undefined : <CopiedText text={command} label={label} />;
}
