import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodCertificateGroupQuery, PodCertificateQuery } from '@certfleet/operator-api/pod-certificates.ts';
import { podCertificateGroups } from './pod-certificate-groups.ts';
import { podCertificatePage } from './pod-certificate-page.ts';
import type { PodCertificateRow } from './pod-certificate-row.ts';
import { countPodCertificates } from './pod-certificate-stats.ts';
import type { PodCertificates } from './pod-certificate-view.ts';

const nowMs = Date.parse('2026-11-30T12:00:00Z');
const hourMs = 3_600_000;

function rowOf(id: string, given: Partial<PodCertificateRow> = {}): PodCertificateRow {
  return {
    ...{ id, podUid: `uid-${id}`, namespace: 'shop', pod: `web-${id}`, node: 'node-1', serviceAccount: 'web' },
    ...{ workload: 'Deployment/web', signer: 'example.com/internal', keyType: 'ECDSAP256', volumes: ['tls'] },
    ...{ isFollowed: false, podCreatedMs: nowMs - hourMs },
    ...given,
  };
}

function issuedRow(id: string, lifetimeHours: number, given: Partial<PodCertificateRow> = {}): PodCertificateRow {
  const [beginRefreshAtMs, notAfterMs] = [nowMs + (lifetimeHours - 1) * hourMs, nowMs + lifetimeHours * hourMs];
  return rowOf(id, {
    request: { uid: id, name: `req-${id}`, createdMs: nowMs, sinceMs: nowMs, outcome: 'issued' },
    certificate: { notBeforeMs: nowMs - hourMs, beginRefreshAtMs, notAfterMs },
    ...given,
  });
}

const refusal = { uid: 'r', name: 'req-r', createdMs: nowMs, sinceMs: nowMs - 1_000 } as const;
const rows: readonly PodCertificateRow[] = [
  issuedRow('late', 20),
  issuedRow('soon', 2, { namespace: 'bank', signer: 'example.com/other', node: 'node-2' }),
  issuedRow('overdue', 0.5),
  rowOf('denied', { request: { ...refusal, outcome: 'denied', reason: 'NotAllowed', message: 'over quota' } }),
  rowOf('unknown'),
  rowOf('new', { isFollowed: true }),
];
const index: PodCertificates = {
  rows: new Map(rows.map((row) => [row.id, row])),
  following: 'current',
  problem: undefined,
};

const pageOf = (query: Partial<PodCertificateQuery>): ReturnType<typeof podCertificatePage> =>
  podCertificatePage(index, { limit: 100, ...query }, nowMs);
const idsOf = (query: Partial<PodCertificateQuery>): readonly string[] =>
  pageOf(query).certificates.map(({ id }) => id);

describe('the list of pod certificates', () => {
  test('shows the next to expire first, and those without a certificate last', () => {
    assert.deepEqual(idsOf({}), ['overdue', 'soon', 'late', 'denied', 'new', 'unknown']);
    assert.deepEqual(idsOf({ order: 'desc', sort: 'pod' })[0], 'unknown');
    assert.equal(idsOf({ sort: 'state' })[0], 'denied');
    assert.equal(idsOf({ sort: 'namespace' })[0], 'soon');
  });

  test('filters by names, signer, state and text', () => {
    assert.deepEqual(idsOf({ namespace: 'ba*' }), ['soon']);
    assert.deepEqual(idsOf({ pod: 'web-late' }), ['late']);
    assert.deepEqual(idsOf({ node: 'node-2' }), ['soon']);
    assert.deepEqual(idsOf({ signer: '*/other' }), ['soon']);
    for (const workload of ['web', 'Deployment/web', 'bank/Deployment/web', '*deploy*'])
      assert.deepEqual(idsOf({ namespace: 'bank', workload }), ['soon'], workload);
    assert.deepEqual(idsOf({ workload: 'bank/Deployment/web' }), ['soon']);
    assert.deepEqual(idsOf({ workload: 'Deployment,deployment/web' }), []);
    assert.deepEqual(idsOf({ search: 'BANK' }), ['soon']);
    assert.deepEqual(idsOf({ search: 'bank/web-s' }), ['soon']);
    assert.deepEqual(idsOf({ search: 'notallowed' }), ['denied']);
    assert.deepEqual(idsOf({ search: 'QUOTA' }), ['denied']);
    assert.deepEqual(idsOf({ state: 'denied,overdue' }), ['overdue', 'denied']);
    assert.deepEqual(idsOf({ state: 'pending' }), ['new']);
    assert.deepEqual(idsOf({ namespace: 'none' }), []);
  });

  test('filters by risk and expiry, without regard to them in the counts', () => {
    assert.deepEqual(idsOf({ risk: 'any' }), ['overdue', 'denied', 'new']);
    assert.deepEqual(idsOf({ risk: 'none' }), ['soon', 'late', 'unknown']);
    assert.deepEqual(idsOf({ risk: 'waiting,denied', pod: 'web-denied' }), ['denied']);
    const { byState, certificates } = pageOf({ risk: 'denied' });
    assert.deepEqual([byState.issued, certificates[0]?.risk?.reason], [2, 'denied']);
    assert.equal(certificates[0]?.risk?.since, new Date(nowMs - 1_000).toISOString());
    // Without a certificate nothing expires.
    assert.deepEqual(idsOf({ expiresBefore: new Date(nowMs + 3 * hourMs).toISOString() }), ['overdue', 'soon']);
  });

  test('counts by state without regard to the state that is shown, and names all signers', () => {
    const { total, byState, signers } = pageOf({ state: 'denied', namespace: 'shop' });
    assert.equal(total, 1);
    assert.deepEqual(byState, { denied: 1, failed: 0, expired: 0, overdue: 1, pending: 1, unknown: 1, issued: 1 });
    assert.deepEqual(signers, ['example.com/internal', 'example.com/other']);
  });

  test('gives each row once, page by page, in both orders', () => {
    for (const order of ['asc', 'desc'] as const) {
      const found: string[] = [];
      for (let after: string | undefined = ''; after !== undefined;) {
        const page = pageOf({ order, limit: 2, ...(after !== '' && { after }) });
        found.push(...page.certificates.map(({ id }) => id));
        after = page.next;
      }
      assert.deepEqual(found, idsOf({ order }));
      assert.equal(new Set(found).size, rows.length);
    }
    assert.throws(() => pageOf({ after: 'x' }), { code: 'invalid-argument' });
  });

  test('has what is known of each row', () => {
    const [denied] = pageOf({ state: 'denied' }).certificates;
    assert.deepEqual(
      [denied?.kind, denied?.reason, denied?.message, denied?.request, denied?.since, denied?.notAfter],
      ['pod-certificate', 'NotAllowed', 'over quota', 'req-r', new Date(nowMs - 1_000).toISOString(), undefined],
    );
    const [soon] = pageOf({ pod: 'web-soon' }).certificates;
    assert.deepEqual(
      [soon?.notAfter, soon?.beginRefreshAt, soon?.since],
      [new Date(nowMs + 2 * hourMs).toISOString(), new Date(nowMs + hourMs).toISOString(), undefined],
    );
    assert.equal(pageOf({ state: 'pending' }).certificates[0]?.since, new Date(nowMs - hourMs).toISOString());
  });

  test('says whether pod certificates are followed', () => {
    assert.equal(podCertificatePage(undefined, { limit: 1 }, nowMs).following, 'off');
    const outdated = podCertificatePage({ ...index, following: 'outdated', problem: 'why' }, { limit: 1 }, nowMs);
    assert.deepEqual([outdated.following, outdated.problem], ['outdated', 'why']);
  });
});

describe('the groups of pod certificates', () => {
  const groupsOf = (query: Partial<PodCertificateGroupQuery>): ReturnType<typeof podCertificateGroups> =>
    podCertificateGroups(index, { by: 'namespace', limit: 100, ...query }, nowMs);
  const counted = (query: Partial<PodCertificateGroupQuery>): readonly string[] =>
    groupsOf(query).groups.map(({ value, count, atRisk }) => `${value} ${count} ${atRisk}`);
  const hours = (count: number): string => new Date(nowMs + count * hourMs).toISOString();

  test('count rows and those at risk by each property, the largest first', () => {
    assert.deepEqual(counted({}), ['shop 5 3', 'bank 1 0']);
    assert.deepEqual(counted({ by: 'workload' }), ['shop/Deployment/web 5 3', 'bank/Deployment/web 1 0']);
    assert.deepEqual(counted({ by: 'signer' }), ['example.com/internal 5 3', 'example.com/other 1 0']);
    assert.deepEqual(counted({ by: 'node' }), ['node-1 5 3', 'node-2 1 0']);
    assert.deepEqual(counted({ by: 'state' }), [
      'issued 2 0',
      'denied 1 1',
      'overdue 1 1',
      'pending 1 1',
      'unknown 1 0',
    ]);
    assert.deepEqual(counted({ by: 'risk' }), [' 3 0', 'denied 1 1', 'overdue 1 1', 'waiting 1 1']);
  });

  test('have the soonest expiry, and are found by the value of a group as a filter', () => {
    const [bank, shop] = groupsOf({ sort: 'value' }).groups;
    assert.deepEqual([bank?.soonestExpiry, shop?.soonestExpiry], [hours(2), hours(0.5)]);
    const denied = groupsOf({ by: 'state', sort: 'expires' }).groups;
    assert.deepEqual(
      [denied[0]?.value, denied.at(-1)?.value, denied.at(-1)?.soonestExpiry],
      ['overdue', 'unknown', undefined],
    );
    for (const by of ['namespace', 'workload', 'signer', 'node', 'state'] as const)
      for (const { value, count } of groupsOf({ by }).groups) assert.equal(pageOf({ [by]: value }).total, count, value);
  });

  test('are of the rows that match all filters, and no more than the limit', () => {
    const { groups, total, certificates, byState, signers } = groupsOf({
      by: 'state',
      risk: 'any',
      node: 'node-1',
      limit: 2,
    });
    assert.deepEqual(
      groups.map(({ value }) => value),
      ['denied', 'overdue'],
    );
    assert.deepEqual([total, certificates, byState.issued, signers.length], [3, 3, 1, 2]);
    assert.deepEqual(counted({ expiresBefore: hours(3) }), ['bank 1 0', 'shop 1 1']);
    assert.deepEqual(counted({ sort: 'at-risk', state: 'issued,denied' }), ['shop 2 1', 'bank 1 0']);
  });

  test('say whether pod certificates are followed', () => {
    const off = podCertificateGroups(undefined, { by: 'node', limit: 1 }, nowMs);
    assert.deepEqual([off.following, off.groups], ['off', []]);
    const query = { by: 'node', limit: 1 } as const;
    assert.equal(podCertificateGroups({ ...index, problem: 'why' }, query, nowMs).problem, 'why');
  });
});

describe('countPodCertificates', () => {
  test('counts by signer, and finds the next expiry that is still to come', () => {
    const { all, signers } = countPodCertificates([...rows, issuedRow('gone', -1)], nowMs);
    assert.deepEqual([all.total, all.byState.expired, all.byState.overdue], [7, 1, 1]);
    assert.equal(all.soonestExpiryMs, nowMs + hourMs / 2);
    const { risks } = countPodCertificates([...rows, issuedRow('gone', -1)], nowMs);
    assert.deepEqual(
      risks.map(({ reason, count }) => `${reason} ${count}`),
      ['denied 1', 'expired 1', 'overdue 1', 'waiting 1'],
    );
    assert.equal(signers.get('example.com/other')?.soonestExpiryMs, nowMs + 2 * hourMs);
  });
});
