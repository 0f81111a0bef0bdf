import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SelectionRequest } from '@certfleet/operator-api/renewals.ts';
import { reportOf } from '../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf, issuerKey } from '../fleet-index/model/indexed-volume.ts';
import { selectionCriterion } from '../fleet-index/query/volume-selection.ts';
import { volumeSelector } from './volume-selector.ts';
import { toObjectSelection, toSelectionRequest } from './renewal-selection.ts';

const issuer = { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name: 'ca' };

const select = volumeSelector(undefined);

describe('the selection of a Renewal', () => {
  test('is the same after a way through the object', () => {
    const requests: SelectionRequest[] = [
      {},
      { namespace: 'shop', labelSelector: 'app=web', issuedBefore: '2026-01-01T00:00:00Z' },
      { issuer: { ...issuer, kind: 'Issuer', namespace: 'shop' }, caFingerprint: 'ab'.repeat(32) },
      { node: 'a', query: { state: 'failing,expired', search: 'web', expiresBefore: '2026-01-01T00:00:00Z' } },
      { query: { expiresAfter: '2026-01-01T00:00:00Z', renewsAfter: '2026-01-01T00:00:00Z' } },
      { issuedBefore: '2026-01-02T00:00:00Z', query: { issuedAfter: '2026-01-01T00:00:00Z' } },
      { volumes: [{ node: 'a', volumeId: 'csi-1' }] },
      {
        query: {
          rsaBelow: '3072',
          signature: '*sha1*',
          lifetimeOver: '90d',
          requestedOver: '1h',
          isCa: 'true',
          usage: 'any',
        },
      },
      { query: { isCa: 'false' } },
      { query: { workload: 'Deployment/web', label: 'team=payments' } },
      { query: { issuer: 'ca' } },
      { query: { served: 'not-loaded,unknown' } },
      { query: { issuer: 'shop/ca, *vault*, ClusterIssuer.cert-manager.io//ca' } },
    ];
    for (const request of requests) assert.deepEqual(toSelectionRequest(toObjectSelection(request)), request);
  });

  test('names everything, and merges a query', () => {
    assert.deepEqual(toObjectSelection({}), { everything: true });
    const merged = toObjectSelection({ namespace: 'shop', issuer, query: { namespace: 'shop', pod: 'web-0' } });
    assert.deepEqual(merged, { namespace: 'shop', pod: 'web-0', issuer: 'ClusterIssuer.cert-manager.io//ca' });
    assert.throws(() => toObjectSelection({ namespace: 'shop', query: { namespace: 'bank' } }), {
      code: 'invalid-argument',
    });
  });

  test('has a fingerprint in the form of the object', () => {
    const given = 'AB:'.repeat(31) + 'AB';
    const wanted = { caFingerprint: 'ab'.repeat(32) };
    assert.deepEqual(toObjectSelection({ caFingerprint: given }), wanted);
    assert.deepEqual(toObjectSelection({ query: { caFingerprint: given } }), wanted);
  });

  test('rejects values that the definition of the object accepts, and says what is wrong', () => {
    for (const key of ['ClusterIssuer/ca', 'ClusterIssuer.cert-manager.io/ca', '/a/b/c', 'ca,Issuer/ca', 'ca,', ','])
      assert.throws(() => toSelectionRequest({ issuer: key }), {
        code: 'invalid-argument',
        message: /^selection\.issuer: expected kind\.group\/namespace\/name/,
      });
    for (const name of ['expiresAfter', 'renewsAfter', 'issuedAfter'])
      assert.throws(() => toSelectionRequest({ [name]: 'soon' }), new RegExp(`^CertfleetError: selection\\.${name}`));
    assert.throws(() => toSelectionRequest({ issuedBefore: 'yesterday' }), /^CertfleetError: selection\.issuedBefore/);
  });

  test('of an issuer whose name a hostile node has invented has no volume of another issuer', async () => {
    for (const name of ['x,ClusterIssuer.cert-manager.io//ca', '*', 'c*']) {
      const { issuer: invented } = indexedVolumeOf('evil', reportOf({ id: 'csi-1', issuer: name }));
      const victim = indexedVolumeOf('good', reportOf({ id: 'csi-2', issuer: 'ca' }));
      const selection = toSelectionRequest({ issuer: issuerKey(invented) });
      assert.ok(!selectionCriterion(await select(selection))(victim, 'healthy'), name);
    }
  });
});
