import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Secret } from '@certfleet/shared/secret.ts';
import { apiServerToken } from './service-account-token.ts';
import { volumeStatus } from './volume-status.ts';
import type { VolumeStatusSource } from './volume-status.ts';
import { volumeSnapshot } from './volume-snapshot.ts';

const nowMs = 1_000_000;
/** A volume with the fields of a status; its certificate is valid for 60 ms and due 20 ms before its end. */
const volume = (notAfterMs: number | undefined, failedAttempts = 0): VolumeStatusSource => {
  const at = (ms: number): Date => new Date((notAfterMs ?? 0) + ms);
  const issued = { notBefore: at(-60), renewAt: at(-20), notAfter: at(0) };
  const record = { createdAt: new Date(nowMs - 1), ...(notAfterMs === undefined ? {} : { issued }) };
  return { failedAttempts, record } as VolumeStatusSource;
};

describe('volume status', () => {
  test('depends on the certificate and the failed attempts', () => {
    assert.equal(volumeStatus(volume(undefined), nowMs), 'pending');
    assert.equal(volumeStatus(volume(undefined, 1), nowMs), 'failing');
    assert.equal(volumeStatus(volume(nowMs + 1), nowMs), 'ready');
    assert.equal(volumeStatus(volume(nowMs + 1, 2), nowMs), 'failing');
    assert.equal(volumeStatus(volume(nowMs, 2), nowMs), 'expired');
  });

  test('counts statuses and overdue renewals, and finds the earliest expiry', () => {
    const inTime = [volume(nowMs + 25), volume(nowMs + 18)];
    const volumes = [...inTime, volume(nowMs + 9), volume(nowMs - 7), volume(undefined), volume(nowMs + 1, 1)];
    assert.deepEqual(volumeSnapshot(volumes, nowMs), {
      volumes: { ready: 3, pending: 1, failing: 1, expired: 1 },
      urgency: { overdue: 1, halfLeft: 2, quarterLeft: 1 },
      withoutCertificate: 0,
      soonestNotAfter: new Date(nowMs - 7),
    });
    assert.equal(volumeSnapshot([], nowMs).soonestNotAfter, undefined);
  });

  test('counts a volume that has waited five minutes for its first certificate, whatever its last attempt', () => {
    const waiting = (sinceMs: number, failedAttempts: number): VolumeStatusSource =>
      ({ failedAttempts, record: { createdAt: new Date(nowMs - sinceMs) } }) as VolumeStatusSource;
    const volumes = [
      waiting(299_999, 9),
      waiting(300_000, 0),
      waiting(900_000, 9),
      volume(nowMs - 7),
      volume(nowMs + 9),
    ];
    assert.equal(volumeSnapshot(volumes, nowMs).withoutCertificate, 2);
  });

  test('uses only a valid token for the API server', () => {
    const token = (json: string): string | undefined => apiServerToken(new Secret(json));
    assert.equal(token('{"":{"token":"t","expirationTimestamp":"x"},"vault":{"token":"v"}}'), 't');
    for (const json of [
      '{"vault":{"token":"v"}}',
      '{"":{"token":""}}',
      '{"":{"token":7}}',
      '{"":null}',
      'null',
      'x',
      '',
    ]) {
      assert.equal(token(json), undefined, json);
    }
    assert.equal(apiServerToken(undefined), undefined);
  });
});
