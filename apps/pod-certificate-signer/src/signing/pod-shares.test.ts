import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultLanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { RenewalWindows } from '@certfleet/fleet-model/lanes/renewal-windows.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { readSecretCa, signWithCa } from '../issuers/secret-ca.ts';
import { SignerMetrics } from '../observability/signer-metrics.ts';
import { compilePolicy, parseSignerObject } from '../policy/signer-policy.ts';
import type { PodCertificateRequest } from '../requests/pod-certificate-request.ts';
import { caSecret, privateKeyOf, rawSigner, stubRequestOf, testRequest } from '../testing/requests.ts';
import { AnswerMemory } from './answer-memory.ts';
import { PacedLane } from './paced-lane.ts';
import { Places } from './places.ts';
import { PodShares } from './pod-shares.ts';
import { SignerWork } from './signer-work.ts';

const stubPKCS10Request = stubRequestOf(privateKeyOf('ED25519')).toString('base64');
const ca = readSecretCa(caSecret({ notBefore: new Date(0), notAfter: new Date(1e10) }).data);

describe('PodShares', () => {
  test('lets sixteen requests of a pod enter, and another one for each that leaves', () => {
    const shares = new PodShares();
    const uids = Array.from({ length: 20 }, (_, index) => `r${index}`);
    assert.deepEqual(
      uids.map((uid) => shares.enter(uid, 'pod')),
      uids.map((_, index) => index < 16),
    );
    assert.equal(shares.enter('other', 'other pod'), true);
    assert.equal(shares.enter('r16', 'pod'), false, 'an event of a request that waits');
    assert.equal(shares.leave('r17'), undefined, 'one that waited');
    assert.equal(shares.leave('r3'), 'r16');
    assert.equal(shares.enter('r16', 'pod'), true);
    assert.equal(shares.enter('r20', 'pod'), false);
    assert.deepEqual([shares.leave('r16'), shares.leave('unknown'), shares.waiting], ['r18', undefined, 2]);
  });
});

describe('a pod with thousands of projections', () => {
  test('delays other pods that start by a few requests only, and has all of its certificates in the end', async () => {
    const clock = new ManualClock();
    const pending = new Map<string, PodCertificateRequest>();
    const answered: string[] = [];
    const object = parseSignerObject(rawSigner());
    assert.ok(object);
    const limits = { policy: defaultLanePolicy, windows: new RenewalWindows([]), isPaused: false };
    const work = new SignerWork({
      clock,
      log: createLogger(0, { write: () => undefined }),
      policy: compilePolicy(object),
      issuer: {
        sign: (order) => Promise.resolve(signWithCa(ca, order, clock.now() + 1e9)),
        trustAnchors: () => Promise.resolve([]),
      },
      lane: new PacedLane({ clock, limits: () => limits }),
      spread: () => ({ jitter: 0, maxJitterMs: 0 }),
      isStarting: () => true,
      latest: (uid) => pending.get(uid),
      writeStatus: ({ uid }) => {
        answered.push(uid);
        // The event of the answer.
        clock.schedule(10, () => {
          pending.delete(uid);
          work.remove(uid);
        });
        return Promise.resolve();
      },
      places: new Places(clock),
      answers: new AnswerMemory(clock),
      observer: new SignerMetrics({ isLeading: () => true, signers: () => [], sharedLanes: () => [] }),
    });
    const put = (uid: string, podUID: string): void => {
      const request = testRequest({ stubPKCS10Request, podUID }, { uid });
      pending.set(uid, request);
      work.put(request);
    };
    for (let index = 0; index < 300; index += 1) put(`large-${index}`, 'large');
    for (let index = 0; index < 20; index += 1) put(`small-${index}`, `small-${index}`);
    assert.equal(work.pending, 320);
    // At ten per second: the sixteen, and the twenty.
    await clock.advance(4_000);
    assert.deepEqual(
      Array.from({ length: 20 }, (_, index) => `small-${index}`).filter((uid) => !answered.includes(uid)),
      [],
    );
    await clock.advance(40_000);
    assert.deepEqual([answered.length, new Set(answered).size, work.pending], [320, 320, 0]);
    work.stop();
    assert.equal(clock.timers, 0);
  });
});
