import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { StreamIdentity } from './stream-identity.ts';

type Answer = string | CertfleetError;

function fixture(
  answer: () => Answer,
  token = 'token',
): { clock: ManualClock; identity: StreamIdentity; ended: CertfleetError[]; reviews: () => number } {
  const clock = new ManualClock(1_800_000_000_000);
  const ended: CertfleetError[] = [];
  let reviews = 0;
  const identity: StreamIdentity = new StreamIdentity({
    node: 'node-a',
    token,
    source: '192.0.2.1',
    identify: (_token, request) => {
      assert.equal(request?.isFresh, true);
      reviews += 1;
      const given = answer();
      return typeof given === 'string' ? Promise.resolve(given) : Promise.reject(given);
    },
    clock,
    onRevoked: (reason) => {
      ended.push(reason);
      identity.stop();
    },
  });
  identity.start();
  return { clock, identity, ended, reviews: () => reviews };
}

const refused = new CertfleetError('unauthenticated', 'expected a valid token, found none');

describe('StreamIdentity', () => {
  test('ends a stream within a minute after its token was revoked or belongs to another node', async () => {
    for (const revoked of [refused, 'node-b', new CertfleetError('permission-denied', 'another account')]) {
      let answer: Answer = 'node-a';
      const { clock, ended } = fixture(() => answer);
      await clock.advance(3_600_000);
      assert.equal(ended.length, 0);
      answer = revoked;
      await clock.advance(60_000);
      assert.equal(ended.length, 1);
      assert.equal(clock.timers, 0);
    }
  });

  test('keeps a stream but issues no credentials while the API server is unavailable', async () => {
    let answer: Answer = new CertfleetError('unavailable', 'API server unavailable');
    const { clock, identity, ended } = fixture(() => answer);
    await clock.advance(3_600_000);
    assert.equal(ended.length, 0);
    await assert.rejects(identity.confirm(), { code: 'unavailable' });
    answer = 'node-a';
    await identity.confirm();
    answer = refused;
    await clock.advance(60_000);
    assert.equal(ended.length, 1);
  });

  test('issues credentials only on a recent review', async () => {
    let answer: Answer = 'node-a';
    const { clock, identity, ended, reviews } = fixture(() => answer);
    await identity.confirm();
    assert.equal(reviews(), 0);
    answer = refused;
    await clock.advance(15_000);
    await assert.rejects(identity.confirm(), { code: 'unauthenticated' });
    assert.equal(ended[0]?.reason, 'Revoked');
  });

  test('ends a stream after the lifetime of its token, independent of the wall clock', async () => {
    const claims = { iat: 1_000, exp: 4_600 };
    const token = `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;
    const { clock, ended } = fixture(() => 'node-a', token);
    clock.stepWall(86_400_000);
    await clock.advance(3_599_000);
    assert.equal(ended.length, 0);
    await clock.advance(1_000);
    assert.match(ended[0]?.message ?? '', /expired/);
  });
});
