import type { JSX } from 'preact';
import type { PodCertificate } from '@certfleet/operator-api/pod-certificates.ts';
import { Icon } from '../ui/icon.tsx';
import { FactList } from '../ui/fact-list.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { PodCertificateRisk } from './pod-certificate-risk.tsx';
import { PodCertificateState, stateLooks } from './pod-certificate-state.tsx';

export interface PodCertificateDetailsProps {
  readonly certificate: PodCertificate;
  readonly onClose: () => void;
}

/** All that is known of one pod certificate. */
export function PodCertificateDetails({ certificate, onClose }: PodCertificateDetailsProps): JSX.Element {
  const { namespace, pod, state, message, request, notBefore, notAfter, beginRefreshAt } = certificate;
  return (
    <section aria-label={`Details of ${pod}`}>
      <FactList
        title={`${namespace}/${pod}`}
        facts={[
          ['Kind', 'Pod certificate'],
          ['State', <PodCertificateState key="state" certificate={certificate} />],
          ['Meaning', stateLooks[state].meaning],
          ['At risk', certificate.risk && <PodCertificateRisk key="risk" certificate={certificate} />],
          ['Message', message],
          ['Signer', certificate.signer],
          ['Volumes', certificate.volumes.join(', ')],
          ['Key', certificate.keyType],
          ['Valid from', notBefore && <RelativeTime at={notBefore} />],
          ['Refresh from', beginRefreshAt && <RelativeTime at={beginRefreshAt} />],
          ['Expires', notAfter && <RelativeTime at={notAfter} />],
          ['ServiceAccount', certificate.serviceAccount],
          ['Workload', certificate.workload],
          ['Node', certificate.node],
          ['Latest request', request],
          ['UID of the pod', certificate.podUid],
        ]}
      />
      <button type="button" class="quiet" onClick={onClose}>
        <Icon name="close" /> Close details
      </button>
    </section>
  );
}
