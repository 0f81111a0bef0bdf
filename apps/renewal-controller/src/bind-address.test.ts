import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { anyAddress, grpcAddress } from './bind-address.ts';

describe('bind address', () => {
  test('returns the wildcard address, for IPv4 only if the kernel has no IPv6', () => {
    assert.equal(anyAddress(import.meta.filename), '::');
    assert.equal(anyAddress('/proc/net/no-such-file'), '0.0.0.0');
  });

  test('returns the address of the fleet API in gRPC syntax', () => {
    assert.equal(grpcAddress(':8443', '::'), '[::]:8443');
    assert.equal(grpcAddress(':8443', '0.0.0.0'), '0.0.0.0:8443');
    assert.equal(grpcAddress('127.0.0.1:0'), '127.0.0.1:0');
    assert.equal(grpcAddress('[fd00::1]:8443'), '[fd00::1]:8443');
    assert.equal(grpcAddress('unix:///run/fleet.sock'), 'unix:/run/fleet.sock');
  });
});
