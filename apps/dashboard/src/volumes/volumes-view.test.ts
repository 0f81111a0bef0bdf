import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultColumns } from './column-names.ts';
import {
  apiFilter,
  exportHref,
  formatVolumesView,
  ofGroup,
  pageQuery,
  parseVolumesView,
  refine,
  withFilter,
} from './volumes-view.ts';

const nowMs = Date.parse('2026-11-26T12:00:00Z');

describe('the view of volumes', () => {
  test('an address without a query shows all volumes, the next renewal first', () => {
    const view = parseVolumesView('');
    assert.deepEqual(view, {
      filters: {},
      states: [],
      sort: 'renews',
      order: 'asc',
      path: '/volumes',
      group: undefined,
      columns: defaultColumns,
      after: undefined,
      before: undefined,
      problems: [],
    });
    assert.equal(formatVolumesView(view), '/volumes');
  });

  test('filters, states, sort, columns and page are encoded in the address and parsed back', () => {
    const address =
      '/volumes?namespace=shop&issuer=ClusterIssuer.cert-manager.io//corporate&expiresBefore=24h&state=expired,failing&sort=expires&order=desc&columns=pod,serial&after=abc';
    const view = parseVolumesView(address.slice('/volumes'.length));
    assert.deepEqual(view.filters, {
      namespace: 'shop',
      issuer: 'ClusterIssuer.cert-manager.io//corporate',
      expiresBefore: '24h',
    });
    assert.deepEqual([view.states, view.columns, view.after], [['expired', 'failing'], ['pod', 'serial'], 'abc']);
    assert.equal(formatVolumesView(view), address);
  });

  test('names the parts of an address that it does not understand, because without them it would show other volumes', () => {
    const view = parseVolumesView(
      '?state=green,due&sort=colour&order=up&expiresBefore=soon&nmespace=shop&search=+&page=x',
    );
    assert.deepEqual(view.problems, [
      'state=green,due',
      'sort=colour',
      'order=up',
      'expiresBefore=soon',
      'nmespace=shop',
    ]);
    const times = parseVolumesView('?issuedAfter=24h&renewsAfter=1h&expiresAfter=2026-01-01T00:00:00Z&issuedBefore=x');
    assert.deepEqual(times.problems, ['issuedAfter=24h', 'issuedBefore=x'], 'what was issued is past');
    const weak = '?rsaBelow=0&isCa=yes&lifetimeOver=long&requestedOver=1y';
    assert.deepEqual(parseVolumesView(weak).problems, [
      'rsaBelow=0',
      'isCa=yes',
      'lifetimeOver=long',
      'requestedOver=1y',
    ]);
    assert.deepEqual(parseVolumesView('?rsaBelow=3072&isCa=true&lifetimeOver=90d&signature=*sha1*').problems, []);
    const grouped = parseVolumesView('?group=label:team&label=team=pay*');
    assert.deepEqual([grouped.group, grouped.problems], ['label:team', []]);
    assert.deepEqual(ofGroup(grouped, 'label:team', 'pay')?.filters, { label: 'team=pay' });
    assert.deepEqual(ofGroup(grouped, 'workload', 'shop/Deployment/web')?.filters.workload, 'shop/Deployment/web');
    assert.deepEqual(parseVolumesView('?label=team&group=team').problems, ['label=team', 'group=team']);
    assert.deepEqual(parseVolumesView('?columns=moon&state=&search=web&page=2&before=c').problems, []);
    assert.deepEqual(refine(view, { filters: {}, states: [] }).problems, []);
  });

  test('accepts a fingerprint as OpenSSL prints it', () => {
    const view = parseVolumesView(`?caFingerprint=${'AB:'.repeat(31)}AB`);
    assert.deepEqual([view.filters.caFingerprint, view.problems], ['ab'.repeat(32), []]);
    assert.deepEqual(parseVolumesView('?caFingerprint=AB:CD').problems, ['caFingerprint=AB:CD']);
  });

  test('relative lengths become times for the API; absolute times stay', () => {
    const relative = parseVolumesView('?expiresBefore=2h&renewsBefore=7d&state=due');
    assert.deepEqual(apiFilter(relative, nowMs), {
      expiresBefore: '2026-11-26T14:00:00.000Z',
      renewsBefore: '2026-12-03T12:00:00.000Z',
      state: 'due',
    });
    const absolute = parseVolumesView('?expiresBefore=2026-12-01T00:00:00Z');
    assert.deepEqual(apiFilter(absolute, nowMs), { expiresBefore: '2026-12-01T00:00:00.000Z' });
  });

  test('a page and an export request the same volumes', () => {
    const view = parseVolumesView('?search=web+1&sort=pod&after=cursor&page=2');
    assert.equal(pageQuery(view, nowMs).toString(), 'search=web+1&sort=pod&order=asc&limit=100&after=cursor');
    assert.equal(exportHref(view, 'csv', nowMs), '/api/v1/volumes/export?search=web+1&sort=pod&order=asc&format=csv');
  });

  test('a changed filter starts from the first page', () => {
    const view = parseVolumesView('?search=web&after=cursor&page=2');
    assert.equal(formatVolumesView(withFilter(view, 'search', 'db')), '/volumes?search=db');
    assert.equal(formatVolumesView(withFilter(view, 'search', '')), '/volumes');
    assert.equal(formatVolumesView(refine(view, { order: 'desc' })), '/volumes?search=web&order=desc');
  });
});
