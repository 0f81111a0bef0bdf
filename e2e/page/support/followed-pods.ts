import type { Page, Route } from 'playwright-core';
import { podCertificateGroups } from '../../../apps/renewal-controller/src/pod-certificates/pod-certificate-groups.ts';
import { podCertificatePage } from '../../../apps/renewal-controller/src/pod-certificates/pod-certificate-page.ts';
import type { PodCertificateRow } from '../../../apps/renewal-controller/src/pod-certificates/pod-certificate-row.ts';
import type { PodCertificates } from '../../../apps/renewal-controller/src/pod-certificates/pod-certificate-view.ts';
import type { PodCertificateGroupQuery, PodCertificateQuery } from '../../../libs/operator-api/src/pod-certificates.ts';
import { wholeResponse } from './whole-response.ts';

const hourMs = 3_600_000;

/** A pod certificate that is valid for some hours, or was denied an hour ago. */
export function podCertificate(
  namespace: string,
  pod: string,
  {
    hours,
    workload = `Deployment/${pod.replace(/-\d+$/, '')}`,
    node = 'worker-1',
  }: {
    readonly hours: number | undefined;
    readonly workload?: string;
    readonly node?: string;
  },
): PodCertificateRow {
  const nowMs = Date.now();
  const since = { createdMs: nowMs - hourMs, sinceMs: nowMs - hourMs };
  const times = (valid: number) => ({
    ...{
      notBeforeMs: nowMs - hourMs,
      beginRefreshAtMs: nowMs + (valid / 2) * hourMs,
      notAfterMs: nowMs + valid * hourMs,
    },
  });
  return {
    ...{ id: `${namespace}/${pod}`, podUid: `uid-${pod}`, namespace, pod, node, serviceAccount: 'web', workload },
    ...{ signer: 'example.com/internal', keyType: 'ECDSAP256', volumes: ['tls'] },
    ...{ isFollowed: true, podCreatedMs: nowMs - hourMs },
    request: { uid: pod, name: `req-${pod}`, ...since, outcome: hours === undefined ? 'denied' : 'issued' },
    ...(hours !== undefined && { certificate: times(hours) }),
  };
}

/**
 * Answers as a controller that follows these pod certificates, by its own code; the rows of pods on a real API server are in
 * e2e/fleet/pod-certificates.test.ts.
 */
export async function answerWithPodCertificates(page: Page, rows: readonly PodCertificateRow[]): Promise<void> {
  const index: PodCertificates = {
    rows: new Map(rows.map((row) => [row.id, row])),
    following: 'current',
    problem: undefined,
  };
  const queryOf = (route: Route): object => {
    const query = Object.fromEntries(new URL(route.request().url()).searchParams);
    return { ...query, limit: Number(query['limit']) };
  };
  await page.route('**/api/v1/session', async (route) => {
    const response = await wholeResponse(route);
    await route.fulfill({ response, json: { ...((await response.json()) as object), showsPodCertificates: true } });
  });
  await page.route('**/api/v1/pod-certificates?*', (route) =>
    route.fulfill({ json: podCertificatePage(index, queryOf(route) as PodCertificateQuery, Date.now()) }),
  );
  await page.route('**/api/v1/pod-certificates/groups?*', (route) =>
    route.fulfill({ json: podCertificateGroups(index, queryOf(route) as PodCertificateGroupQuery, Date.now()) }),
  );
}
