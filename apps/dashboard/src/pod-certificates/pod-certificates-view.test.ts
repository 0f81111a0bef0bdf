import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodCertificateGroupKey } from '@certfleet/operator-api/vocabulary.ts';
import {
  formatPodCertificatesView,
  ofPodCertificateGroup,
  parsePodCertificatesView,
  podCertificateGroupQuery,
  podCertificatesQuery,
  withPodCertificateFilter,
  withSort,
  withToggledState,
} from './pod-certificates-view.ts';

describe('the address of the table of pod certificates', () => {
  test('keeps filters, states, order and page', () => {
    const address =
      '?search=web&namespace=team-*&workload=web&expiresBefore=24h&state=denied%2Coverdue&sort=pod&order=desc&group=node&after=abc';
    const view = parsePodCertificatesView(address);
    assert.deepEqual(view.problems, []);
    assert.equal(formatPodCertificatesView(view), `/pod-certificates${address}`);
    assert.equal(formatPodCertificatesView(parsePodCertificatesView('')), '/pod-certificates');
    const query = podCertificatesQuery(parsePodCertificatesView(''), 0);
    assert.equal(query.toString(), 'sort=expires&order=asc&limit=100');
  });

  test('names what it does not understand instead of ignoring it', () => {
    const { problems } = parsePodCertificatesView(
      '?issuer=ca&state=issued,lost&sort=age&order=up&group=ca&expiresBefore=soon',
    );
    const others = ['sort=age', 'order=up', 'group=ca', 'expiresBefore=soon'];
    assert.deepEqual(problems, ['issuer=ca', 'state=issued,lost', ...others]);
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

  test('has the columns of the address, or those that are remembered', () => {
    const usual = parsePodCertificatesView('').columns;
    assert.deepEqual([usual.length, usual.includes('risk')], [8, false]);
    const remembered = parsePodCertificatesView('', ['pod', 'risk']);
    assert.deepEqual(remembered.columns, ['pod', 'risk']);
    assert.equal(formatPodCertificatesView(remembered), '/pod-certificates?columns=pod%2Crisk');
    assert.deepEqual(parsePodCertificatesView('?columns=pod%2Cmoon', ['risk']).columns, ['pod']);
    assert.deepEqual(parsePodCertificatesView('?columns=moon').columns, usual);
  });

  test('asks for groups with all its filters, lengths from now as times, and leads from a group to its rows', () => {
    const view = parsePodCertificatesView('?risk=any&expiresBefore=1h&group=workload&after=abc');
    assert.deepEqual(Object.fromEntries(podCertificateGroupQuery(view, 'workload', 'at-risk', 0)), {
      ...{ risk: 'any', expiresBefore: '1970-01-01T01:00:00.000Z' },
      ...{ by: 'workload', sort: 'at-risk', limit: '500' },
    });
    const rowsOf = (by: PodCertificateGroupKey, value: string): string | undefined => {
      const target = ofPodCertificateGroup(view, by, value);
      return target && formatPodCertificatesView(target);
    };
    const all = '/pod-certificates?';
    assert.equal(rowsOf('workload', 'shop/Job/a'), `${all}workload=shop%2FJob%2Fa&risk=any&expiresBefore=1h`);
    assert.equal(rowsOf('state', 'denied'), `${all}risk=any&expiresBefore=1h&state=denied`);
    assert.equal(rowsOf('risk', 'waiting'), `${all}risk=waiting&expiresBefore=1h`);
    assert.equal(rowsOf('risk', ''), `${all}risk=none&expiresBefore=1h`);
    assert.equal(rowsOf('node', ''), undefined);
  });
});
