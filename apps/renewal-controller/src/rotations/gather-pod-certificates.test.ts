import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ApiRequest } from '@certfleet/shared/kube/api-client.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { issuingCasOf } from '../pod-certificates/issuing-cas.ts';
import type { CertificateTimes } from '../pod-certificates/observed-request.ts';
import type { PodCertificateRow } from '../pod-certificates/pod-certificate-row.ts';
import { leafOf, testCa } from '../pod-certificates/testing/test-cas.ts';
import type { TestCa } from '../pod-certificates/testing/test-cas.ts';
import { gatherPodCertificates } from './gather-pod-certificates.ts';
import type { GatherPodsOptions } from './gather-pod-certificates.ts';
import type { PodCertificateFacts } from './pod-certificate-facts.ts';
import { SignerTrustReader } from './signer-trust.ts';

const [old, fresh, other] = [testCa('old'), testCa('new'), testCa('other')];
const fingerprint = ({ certificate }: TestCa): string => certificate.fingerprint256.replaceAll(':', '').toLowerCase();
const startMs = Date.UTC(2026, 10, 30);
const hourMs = 3_600_000;
const internal = 'example.com/internal';

function certificateOf(ca: TestCa | undefined, changed: Partial<CertificateTimes> = {}): CertificateTimes {
  const cas = ca && issuingCasOf(leafOf(ca));
  const times = { notBeforeMs: startMs, beginRefreshAtMs: startMs + 16 * hourMs, notAfterMs: startMs + 24 * hourMs };
  return { ...times, ...(cas !== undefined && { cas }), ...changed };
}

function row(id: string, changed: Partial<PodCertificateRow> = {}): PodCertificateRow {
  return {
    ...{
      id,
      podUid: id,
      namespace: 'shop',
      pod: id,
      node: 'node-1',
      serviceAccount: 'web',
      workload: 'Deployment/web',
    },
    ...{ signer: internal, keyType: 'ECDSAP256', volumes: ['tls'], isFollowed: false, podCreatedMs: 0, ...changed },
  };
}

/** An API server with bundles by signer name, and the signer names of PodCertificateSigners. */
class TrustApi {
  readonly clock = new ManualClock(startMs);
  readonly bundles = new Map<string, readonly TestCa[]>();
  readonly own = new Set([internal]);
  refusal: CertfleetError | undefined;
  requests = 0;
  readonly reader = new SignerTrustReader({ request: (request) => this.#answer(request) }, this.clock);

  #answer({ resource, name = '' }: ApiRequest): Promise<unknown> {
    this.requests += 1;
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    if (resource.plural === 'podcertificatesigners')
      return Promise.resolve({
        metadata: { resourceVersion: '1' },
        items: [...this.own].map((signerName) => ({ spec: { signerName } })),
      });
    const anchors = this.bundles.get(name.replace(':certfleet', '').replace(':', '/'));
    if (anchors === undefined) return Promise.reject(new CertfleetError('not-found', name));
    const until = Object.fromEntries(
      anchors.map(({ certificate }) => [certificate.fingerprint256, '2026-12-01T00:00:00Z']),
    );
    return Promise.resolve({
      metadata: { resourceVersion: '1', annotations: { 'certfleet.io/needed-until': JSON.stringify(until) } },
      spec: { trustBundle: anchors.map(({ pem }) => pem).join('') },
    });
  }
}

async function gather(
  api: TrustApi,
  rows: readonly PodCertificateRow[] | undefined,
  options: Partial<GatherPodsOptions> = {},
): Promise<PodCertificateFacts | undefined> {
  await api.clock.advance(10_000);
  const pair = { leaving: new Set([fingerprint(old)]), arriving: new Set([fingerprint(fresh)]) };
  return await gatherPodCertificates(
    {
      current: () =>
        rows && { rows: new Map(rows.map((each) => [each.id, each])), following: 'current', problem: undefined },
      readTrust: api.reader.read,
    },
    { certificates: [old.pem, fresh.pem], pair },
    { spec: undefined, status: undefined, redisNowMs: startMs, localNowMs: startMs, ...options },
  );
}

const counts = (facts: PodCertificateFacts | undefined): readonly unknown[] => [
  ...[facts?.remaining, facts?.reissued, facts?.unknown],
];

describe('the pod certificates of a rotation', () => {
  test('are counted by the CA that their chains show; unknown ones never as done', async () => {
    const api = new TrustApi();
    const rows = [
      row('old', { certificate: certificateOf(old) }),
      row('new', { certificate: certificateOf(fresh) }),
      row('other', { certificate: certificateOf(other) }),
      // Stored by an earlier release.
      row('earlier-release', { certificate: certificateOf(undefined) }),
      row('lost'),
      // A refresh whose request was seen, of a pod whose certificate was not.
      row('pending', { request: { uid: 'r', name: 'r', createdMs: 0, sinceMs: 0, outcome: 'pending' } }),
      // No kubelet has requested one yet.
      row('starting', { isFollowed: true }),
      row('unscheduled', { node: '' }),
      row('expired', { certificate: certificateOf(old, { notAfterMs: startMs - hourMs }) }),
      // Of two equal sources, one was refreshed.
      row('shared', { volumes: ['a', 'b'], certificate: certificateOf(fresh), earlier: certificateOf(old) }),
    ];
    const facts = await gather(api, rows);
    assert.deepEqual(counts(facts), [2, 1, 3]);
    assert.equal(facts?.expireByMs, startMs + 24 * hourMs);
    assert.equal(facts.refreshByMs, startMs + 16 * hourMs + 300_000);
    assert.equal(facts.byWorkload.size, 0);
    const rolling = await gather(api, rows, { spec: { rollWorkloads: true } });
    assert.deepEqual([...(rolling?.byWorkload.keys() ?? [])], ['shop/Deployment/web']);
    assert.deepEqual([facts.unknownLimit, facts.deliveryMs], [0, 300_000]);
    const limited = await gather(api, rows, { spec: { maxUnknown: '50%', deliverySeconds: 10 } });
    assert.deepEqual([limited?.unknownLimit, limited?.deliveryMs], [3, 10_000]);
    // A clock that is wrong ends no certificate.
    const expired = { ...row('old', { certificate: certificateOf(old) }) };
    assert.deepEqual(counts(await gather(api, [expired], { localNowMs: startMs + 100 * hourMs })), [1, 0, 0]);
  });

  test('a bundle is judged by its content', async () => {
    const api = new TrustApi();
    const rows = [row('a', { certificate: certificateOf(old) })];
    const judged = async (spec: GatherPodsOptions['spec'] = {}): Promise<readonly unknown[]> => {
      const [signer] = (await gather(api, rows, { spec }))?.signers ?? [];
      return [signer?.bundle, signer?.problem];
    };
    assert.deepEqual(await judged(), ['Missing', undefined]);
    api.bundles.set(internal, [old]);
    assert.deepEqual(await judged({ confirmedSigners: [internal] }), ['Incomplete', 'lacks the new CA']);
    api.bundles.set(internal, [fresh, other]);
    assert.deepEqual(await judged(), ['Incomplete', 'lacks the CA to be replaced']);
    // A root with the same name and key as another certificate is not that one.
    api.bundles.set(internal, [testCa('old', { key: old.key }), fresh]);
    assert.deepEqual(await judged(), ['Incomplete', 'lacks the CA to be replaced']);
    api.bundles.set(internal, [old, fresh]);
    assert.deepEqual(await judged(), ['Verified', undefined]);
    api.refusal = new CertfleetError('unavailable', 'connect ECONNREFUSED');
    assert.deepEqual(await judged(), ['Unreadable', 'connect ECONNREFUSED']);
  });

  test('a signer name of another signer is not verifiable until the operator confirms it', async () => {
    const api = new TrustApi();
    const rows = [row('a', { signer: 'foreign.io/x', certificate: certificateOf(old) })];
    const bundle = async (spec: GatherPodsOptions['spec'] = {}): Promise<unknown> =>
      (await gather(api, rows, { spec }))?.signers.map((signer) => signer.bundle);
    assert.deepEqual(await bundle(), ['NotVerifiable']);
    assert.deepEqual(await bundle({ confirmedSigners: ['foreign.io/y'] }), ['NotVerifiable']);
    assert.deepEqual(await bundle({ confirmedSigners: ['foreign.io/x'] }), ['Confirmed']);
  });

  test('unknown rows of a signer whose bundle has neither CA are none of this rotation', async () => {
    const api = new TrustApi();
    const rows = [row('a'), row('b', { signer: 'foreign.io/x' })];
    assert.deepEqual(counts(await gather(api, rows)), [0, 0, 2]);
    api.bundles.set(internal, [other]);
    assert.deepEqual(counts(await gather(api, rows)), [0, 0, 1]);
    api.bundles.set(internal, [other, old]);
    assert.deepEqual(counts(await gather(api, rows)), [0, 0, 2]);
  });

  test('an index that is switched off, or not loaded, is not complete', async () => {
    const api = new TrustApi();
    assert.equal(await gather(api, undefined), undefined);
    const status = { total: 3, reissued: 0, remaining: 3, unknown: 0, progress: '0/3', signers: [], awaited: [] };
    assert.match((await gather(api, undefined, { status }))?.notFollowed ?? '', /does not follow them/);
    assert.equal((await gather(api, []))?.notFollowed, undefined);
  });

  test('bundles are read again after a few seconds, not for each rotation', async () => {
    const api = new TrustApi();
    api.bundles.set(internal, [old, fresh]);
    await Promise.all([api.reader.read([internal]), api.reader.read([internal])]);
    const first = api.requests;
    await api.reader.read([internal]);
    assert.equal(api.requests, first);
    await api.clock.advance(5_000);
    await api.reader.read([internal]);
    assert.equal(api.requests, first + 1);
  });
});
