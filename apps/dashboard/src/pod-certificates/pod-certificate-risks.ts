import type { PodCertificateRiskReason } from '@certfleet/operator-api/vocabulary.ts';

interface RiskTexts {
  readonly title: string;
  /** The first step of an operator. */
  readonly advice: string;
  /** The section of docs/runbook.md, as the anchor of its heading. */
  readonly section: string;
}

const refused = {
  advice: 'Correct the pod or the policy of the signer, then delete the pod',
  section: 'certfleetpodcertificaterefused',
} as const;

export const podCertificateRiskTexts: Readonly<Record<PodCertificateRiskReason, RiskTexts>> = {
  denied: { title: 'Denied', ...refused },
  failed: { title: 'Failed', ...refused },
  expired: {
    title: 'Expired',
    advice: 'Check the kubelet and the signer, then delete the pod',
    section: 'certfleetpodcertificateoverdue',
  },
  overdue: {
    title: 'Overdue',
    advice: 'Check the kubelet of the node',
    section: 'certfleetpodcertificateoverdue',
  },
  waiting: {
    title: 'Waiting too long',
    advice: 'Check the signer; without a request, the kubelet',
    section: 'certfleetpodcertificatewaiting',
  },
};
