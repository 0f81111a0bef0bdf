import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyAddress, grpcAddress } from './bind-address.ts';

test('stands for all addresses of the machine, those of IPv4 alone where the kernel knows no other', () => {
  assert.equal(anyAddress(import.meta.filename), '::');
  assert.equal(anyAddress('/proc/net/no-such-file'), '0.0.0.0');
});

test('names the address of the fleet API as gRPC does', () => {
  assert.equal(grpcAddress(':8443', '::'), '[::]:8443');
  assert.equal(grpcAddress(':8443', '0.0.0.0'), '0.0.0.0:8443');
  assert.equal(grpcAddress('127.0.0.1:0'), '127.0.0.1:0');
  assert.equal(grpcAddress('[fd00::1]:8443'), '[fd00::1]:8443');
  assert.equal(grpcAddress('unix:///run/fleet.sock'), 'unix:/run/fleet.sock');
});
