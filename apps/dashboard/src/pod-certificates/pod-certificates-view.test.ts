import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  formatPodCertificatesView,
  parsePodCertificatesView,
  podCertificatesQuery,
  withPodCertificateFilter,
  withSort,
  withToggledState,
} from './pod-certificates-view.ts';

describe('the address of the table of pod certificates', () => {
  test('keeps filters, states, order and page', () => {
    const address = '?search=web&namespace=team-*&state=denied%2Coverdue&sort=pod&order=desc&after=abc';
    const view = parsePodCertificatesView(address);
    assert.deepEqual(view.problems, []);
    assert.equal(formatPodCertificatesView(view), `/pod-certificates${address}`);
    assert.equal(formatPodCertificatesView(parsePodCertificatesView('')), '/pod-certificates');
    assert.equal(podCertificatesQuery(parsePodCertificatesView('')).toString(), 'limit=100');
  });

  test('names what it does not understand instead of ignoring it', () => {
    const { problems } = parsePodCertificatesView('?issuer=ca&state=issued,lost&sort=age&order=up');
    assert.deepEqual(problems, ['issuer=ca', 'state=issued,lost', 'sort=age', 'order=up']);
  });

  test('returns to the first page with every change', () => {
    const view = parsePodCertificatesView('?after=abc&node=n1');
    assert.equal(formatPodCertificatesView(withPodCertificateFilter(view, 'node', '')), '/pod-certificates');
    const toggled = withToggledState(view, 'overdue');
    assert.equal(formatPodCertificatesView(toggled), '/pod-certificates?node=n1&state=overdue');
    assert.deepEqual(withToggledState(toggled, 'overdue').states, []);
    const sorted = withSort(view, 'pod');
    assert.deepEqual([sorted.sort, sorted.order, sorted.after], ['pod', 'asc', undefined]);
    assert.equal(withSort(sorted, 'pod').order, 'desc');
  });
});
