import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sourceOf, sourceAddressOf } from './request-source.ts';

describe('request source', () => {
  test('a source is an IPv4 address or the /64 of an IPv6 address in any notation', () => {
    for (const [address, source] of [
      ['192.0.2.1', '192.0.2.1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
      ['2001:0DB8:0001:2::9', '2001:db8:1:2::/64'],
      ['2001:db8::1', '2001:db8:0:0::/64'],
      ['::1', '0:0:0:0::/64'],
      ['fe80::1%eth0', 'fe80:0:0:0::/64'],
      ['', 'unknown'],
      ['x'.repeat(10_000), 'unknown'],
    ] as const) {
      assert.equal(sourceOf(address), source, address);
    }
  });

  test('the source of a gRPC peer is its address without the port', () => {
    assert.equal(sourceAddressOf('192.0.2.1:4711'), '192.0.2.1');
    assert.equal(sourceAddressOf('[2001:db8:1:2::9]:4711'), '2001:db8:1:2::/64');
    assert.equal(sourceAddressOf('2001:db8:1:2:3:4:5:6:4711'), '2001:db8:1:2::/64');
    assert.equal(sourceAddressOf('unknown'), 'unknown');
  });
});
