import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ObservedRequest } from './observed-request.ts';
import { decodeRow, encodeRow, withPod, withRequest } from './pod-certificate-row.ts';
import type { PodCertificateRow } from './pod-certificate-row.ts';

const pod = {
  uid: 'p',
  namespace: 'shop',
  name: 'web-0',
  node: 'n',
  serviceAccount: 'web',
  workload: 'Deployment/web',
};
const projection = { key: 'k', signer: 'example.com/internal', keyType: 'ED25519', volumes: ['tls'] };

function row(volumes: readonly string[] = ['tls']): PodCertificateRow {
  const { uid: podUid, name, ...others } = pod;
  const ofProjection = { signer: projection.signer, keyType: projection.keyType, volumes };
  return { id: 'p.k', podUid, pod: name, ...others, ...ofProjection, isFollowed: true, podCreatedMs: 0 };
}

function issued(uid: string, createdMs: number, cas: string | undefined): ObservedRequest {
  const certificate = { notBeforeMs: createdMs, beginRefreshAtMs: createdMs + 16, notAfterMs: createdMs + 24 };
  const identity = { uid, name: uid, createdMs, podUid: 'p', signer: projection.signer, projection: 'k' };
  return {
    ...identity,
    answer: { outcome: 'issued', certificate: { ...certificate, ...(cas !== undefined && { cas }) } },
  };
}

describe('the CAs of a row', () => {
  test('are those of the latest certificate', () => {
    const seen = withRequest(withRequest(row(), issued('a', 1, 'old')), issued('b', 2, 'new'));
    assert.deepEqual([seen.certificate?.cas, seen.earlier], ['new', undefined]);
    assert.equal(withRequest(seen, issued('a', 1, 'old')), seen);
  });

  test('of equal sources, which share a row, include a certificate that one of them may still use', () => {
    const both = row(['a', 'b']);
    const seen = withRequest(withRequest(both, issued('a', 1, 'old')), issued('b', 2, 'new'));
    assert.deepEqual([seen.certificate?.cas, seen.earlier?.cas], ['new', 'old']);
    // Also if the answers come in another order.
    const late = withRequest(withRequest(both, issued('b', 2, 'new')), issued('a', 1, 'old'));
    assert.deepEqual([late.certificate?.cas, late.earlier?.cas], ['new', 'old']);
    const kept = withPod(seen, { ...pod, createdMs: 0, projections: [] }, { ...projection, volumes: ['a', 'b'] });
    assert.equal(kept.earlier?.cas, 'old');
    assert.deepEqual(decodeRow('p.k', encodeRow(kept)), kept);
  });

  test('are added to a row that an earlier release has stored, while the request exists', () => {
    const stored = withRequest(row(), issued('a', 1, undefined));
    assert.equal(stored.certificate?.cas, undefined);
    assert.equal(withRequest(stored, issued('a', 1, 'old')).certificate?.cas, 'old');
    // Of another request, it says nothing.
    assert.equal(withRequest(stored, issued('z', 0, 'old')).certificate?.cas, undefined);
  });
});
