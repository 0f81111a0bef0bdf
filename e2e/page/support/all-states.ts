import type { Page } from 'playwright-core';
import type { PodCertificateGroups, PodCertificatePage } from '../../../libs/operator-api/src/pod-certificates.ts';
import type { Rotation, Rotations } from '../../../libs/operator-api/src/rotations.ts';
import {
  podCertificateRisks,
  podCertificateStates,
  rotationPhases,
} from '../../../libs/operator-api/src/vocabulary.ts';
import { answerWithAllProblems } from './all-problems.ts';
import { wholeResponse } from './whole-response.ts';

const at = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString();

/** Rotations in every phase, forward and backward. */
function rotations(): Rotations {
  const rotation = (phase: Rotation['phase'], isForward: boolean): Rotation => ({
    ...{ id: `${phase}-${String(isForward)}`.toLowerCase(), by: 'ann', reason: `roll of ${phase}`, phase },
    ...{
      direction: isForward ? 'Forward' : 'Backward',
      isSuspended: phase === 'Verify',
      isProposed: phase === 'Pending',
    },
    ...{ isDeleted: false, isStalled: phase === 'Trust', createdAt: at(-1), from: [], to: [] },
    ...(phase === 'Trust' && { awaitsApproval: 'Reissue', message: 'an agent has not reported' }),
    counts: { total: 9, trusted: 9, reissued: 5, served: 4, notLoaded: 2, failing: 1, retired: 0, blocked: 3 },
    blocking: {
      volumes: [{ node: 'worker-1', volumeId: 'csi-web', namespace: 'shop', pod: 'web-1', message: 'rate limited' }],
      nodes: ['worker-2'],
      issuers: ['ClusterIssuer.cert-manager.io//internal'],
    },
  });
  return { rotations: rotationPhases.flatMap((phase) => [rotation(phase, true), rotation(phase, false)]) };
}

/** A pod certificate in every state. */
function podCertificates(): Pick<PodCertificatePage, 'total' | 'signers'> & { readonly certificates: object } {
  const certificates = podCertificateStates.map((state) => ({
    ...{ kind: 'pod-certificate', id: state, namespace: 'shop', pod: `web-${state}`, podUid: `uid-${state}`, state },
    ...{ serviceAccount: 'web', node: 'worker-1', workload: 'Deployment/web', signer: 'example.com/internal' },
    ...{ volumes: ['tls', 'other'], keyType: 'ECDSAP256', since: at(-1), notBefore: at(-8), notAfter: at(16) },
    ...(state !== 'issued' &&
      state !== 'unknown' && { risk: { reason: state === 'pending' ? 'waiting' : state, since: at(-1) } }),
    ...(state === 'denied' && { reason: 'IdentityNotAllowed', message: 'no entry of allowed matches' }),
  }));
  return { certificates, total: certificates.length, ...overview() };
}

/** Groups of pod certificates with every value that the page has a text for. */
function podCertificateGroups(by: string): Pick<PodCertificateGroups, 'groups' | 'signers'> {
  const values = { state: podCertificateStates, risk: podCertificateRisks }[by] ?? ['shop'];
  const groups = ['', ...values].map((value, index) => ({ value, count: 2, atRisk: index, soonestExpiry: at(index) }));
  return { groups, ...{ total: 900, certificates: 2_000 }, ...overview() };
}

/** What is known of all pod certificates. */
function overview(): Pick<PodCertificatePage, 'signers'> & { readonly byState: object } {
  const byState = Object.fromEntries(podCertificateStates.map((state) => [state, 1]));
  return {
    signers: ['example.com/internal'],
    byState,
    ...{ following: 'outdated', problem: 'no replica follows them' },
  };
}

/** Answers in place of a controller that follows pod certificates and CA rotations, with every kind of problem. */
export async function answerWithAllStates(page: Page): Promise<void> {
  await page.route('**/api/v1/session', async (route) => {
    const response = await wholeResponse(route);
    await route.fulfill({ response, json: { ...((await response.json()) as object), showsPodCertificates: true } });
  });
  await answerWithAllProblems(page);
  await page.route('**/api/v1/rotations', (route) => route.fulfill({ json: rotations() }));
  await page.route('**/api/v1/pod-certificates?*', (route) => route.fulfill({ json: podCertificates() }));
  await page.route('**/api/v1/pod-certificates/groups?*', (route) => {
    const by = new URL(route.request().url()).searchParams.get('by') ?? '';
    return route.fulfill({ json: podCertificateGroups(by) });
  });
}
