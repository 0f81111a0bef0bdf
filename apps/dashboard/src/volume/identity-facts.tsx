import type { ComponentChildren, JSX } from 'preact';
import type { VolumeDetail } from '@certfleet/operator-api/volumes.ts';
import { auditHref, laneHref, nodeHref, volumesHref } from '../routing/route.ts';
import { CopiedText, CopyButton } from '../ui/copied-text.tsx';
import { FactList } from '../ui/fact-list.tsx';
import { keyText, labelsText, lifetimeText } from '../ui/posture-texts.ts';
import { RelativeTime } from '../ui/relative-time.tsx';
import { ServedFact } from '../ui/served-note.tsx';
import { issuanceCauseLabels } from './issuance-labels.ts';

export function CertificateFacts({ volume }: { readonly volume: VolumeDetail }): JSX.Element {
  const { subject, dnsNames, uris, ipAddresses, serial, fingerprint, caFingerprints } = volume;
  return (
    <FactList
      title="Certificate"
      facts={[
        ['Subject', subject],
        ['DNS names', listed(dnsNames)],
        ['URIs', listed(uris)],
        ['IP addresses', listed(ipAddresses)],
        ['Expires', volume.notAfter && <RelativeTime at={volume.notAfter} />],
        ['Renews', volume.renewAt && <RelativeTime at={volume.renewAt} />],
        ['Valid since', volume.notBefore && <RelativeTime at={volume.notBefore} />],
        [
          'Issued',
          volume.issuedAt && (
            <>
              <RelativeTime at={volume.issuedAt} /> <span class="dim">{issuanceCauseLabels[volume.cause]}</span>
            </>
          ),
        ],
        ['Served', volume.served && <ServedFact served={volume.served} />],
        ...postureFacts(volume),
        ['Serial', serial && <CopiedText text={serial} label="serial" />],
        ['SHA-256', fingerprint && <CopiedText text={fingerprint} label="fingerprint" />],
        [
          'CA, SHA-256',
          caFingerprints.length === 0 ? undefined : (
            <ul class="plain">
              {caFingerprints.map((each) => (
                <li key={each}>
                  <CopiedText text={each} label="CA fingerprint" />{' '}
                  <a class="small" href={volumesHref({ caFingerprint: each })}>
                    show all
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
    ['Key', keyText(volume)],
    ['Signature', signature],
    ['Lifetime', lifetimeText(volume)],
    ['Usages', usages?.join(', ')],
    ['CA', isCa === true ? 'may sign certificates' : undefined],
  ];
}

export function WhereFacts({ volume }: { readonly volume: VolumeDetail }): JSX.Element {
  const { pod, namespace, node, podUid, volumeId, issuer, laneId, generation } = volume;
  return (
    <FactList
      title="Where"
      facts={[
        ['Pod', <CopiedText key="pod" text={pod} label="pod name" />],
        [
          'Workload',
          volume.workload && (
            <a href={volumesHref({ namespace, workload: volume.workload })} key="workload">
              {volume.workload}
            </a>
          ),
        ],
        ['Labels', volume.labels && labelsText(volume.labels)],
        ['Namespace', <Linked key="namespace" href={volumesHref({ namespace })} text={namespace} label="namespace" />],
        ['Node', <Linked key="node" href={nodeHref(node)} text={node} label="node name" />],
        ['Issuer', <Linked key="issuer" href={laneHref(laneId)} text={issuer} label="issuer key" />],
        ['Pod UID', <CopiedText key="uid" text={podUid} label="pod UID" />],
        ['Volume', <CopiedText key="volume" text={volumeId} label="volume id" />],
        ['Issuances', String(generation)],
        [
          'Inspect',
          <CopiedText key="look" text={`kubectl describe pod ${pod} --namespace ${namespace}`} label="command" />,
        ],
        ['Command line', <CopiedText key="command" text={`certfleet show ${volumeId}`} label="certfleet command" />],
        [
          'Audit',
          <a key="audit" href={auditHref({ target: `${node}/${volumeId}` })}>
            Actions on this volume
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
          <CopiedText text={name} label="name" />
        </li>
      ))}
    </ul>
  );
}
