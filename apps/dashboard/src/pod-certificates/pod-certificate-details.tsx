import type { JSX } from 'preact';
import type { PodCertificate } from '@certfleet/operator-api/pod-certificates.ts';
import { format, t } from '../messages/messages.ts';
import { FactList } from '../ui/fact-list.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { PodCertificateRisk } from './pod-certificate-risk.tsx';
import { PodCertificateState } from './pod-certificate-state.tsx';

export interface PodCertificateDetailsProps {
  readonly certificate: PodCertificate;
}

const texts = t.podCertificates;

/** All that is known of one pod certificate. */
export function PodCertificateDetails({ certificate }: PodCertificateDetailsProps): JSX.Element {
  const { namespace, pod, state, message, request, notBefore, notAfter, beginRefreshAt } = certificate;
  return (
    <section aria-label={t.common.detailsOf(pod)}>
      <FactList
        title={`${namespace}/${pod}`}
        facts={[
          [t.fields.kind, texts.kind],
          [t.fields.state, <PodCertificateState key="state" certificate={certificate} />],
          [texts.meaning, texts.states[state].meaning],
          [t.fields.atRisk, certificate.risk && <PodCertificateRisk key="risk" certificate={certificate} />],
          [t.fields.message, message],
          [t.fields.signer, certificate.signer],
          [t.fields.volumes, format.list(certificate.volumes)],
          [t.fields.key, certificate.keyType],
          [t.fields.validFrom, notBefore && <RelativeTime at={notBefore} />],
          [t.fields.refreshFrom, beginRefreshAt && <RelativeTime at={beginRefreshAt} />],
          [t.fields.expires, notAfter && <RelativeTime at={notAfter} />],
          [texts.serviceAccount, certificate.serviceAccount],
          [t.fields.workload, certificate.workload],
          [t.fields.node, certificate.node],
          [texts.latestRequest, request],
          [texts.podUid, certificate.podUid],
        ]}
      />
    </section>
  );
}
