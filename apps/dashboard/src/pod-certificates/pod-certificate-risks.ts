import type { PodCertificateRiskReason } from '@certfleet/operator-api/vocabulary.ts';

/** The section of docs/runbook.md for each reason, as the anchor of its heading. */
export const podCertificateSections: Readonly<Record<PodCertificateRiskReason, string>> = {
  denied: 'certfleetpodcertificaterefused',
  failed: 'certfleetpodcertificaterefused',
  expired: 'certfleetpodcertificateoverdue',
  overdue: 'certfleetpodcertificateoverdue',
  waiting: 'certfleetpodcertificatewaiting',
};
