import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { expiryHref, spanHref } from './span-links.ts';

const fromMs = Date.parse('2026-11-26T12:00:00Z');
const hourMs = 3_600_000;

/** The path and the decoded query of a link. */
const shown = (href: string | undefined): string | undefined => href && decodeURIComponent(href);

describe('the links of a chart of renewals', () => {
  const linkOf = (renewed: number | null, due: number | null, filter = {}): string | undefined =>
    shown(spanHref({ fromMs, renewed, failed: 0, due }, hourMs, filter));

  test('lead to what is planned within a span, 12 hours of jitter before renew-at, and otherwise to what was issued in it', () => {
    const due = '/volumes?renewsAfter=2026-11-26T12:00:00.000Z&renewsBefore=2026-11-27T01:00:00.000Z';
    assert.equal(linkOf(null, 3), due);
    assert.equal(linkOf(7, 3), due, 'the current hour has both');
    assert.equal(
      linkOf(7, 0, { issuer: 'ca' }),
      '/volumes?issuer=ca&issuedAfter=2026-11-26T12:00:00.000Z&issuedBefore=2026-11-26T13:00:00.000Z',
    );
    assert.equal(linkOf(0, null), undefined);
  });

  test('lead to what expires within a span, which may have no end', () => {
    assert.equal(shown(expiryHref('a', 'b')), '/volumes?expiresAfter=a&expiresBefore=b&sort=expires');
    assert.equal(shown(expiryHref('a', undefined)), '/volumes?expiresAfter=a&sort=expires');
  });
});
