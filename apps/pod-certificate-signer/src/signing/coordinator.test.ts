import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { readSecretCa, signWithCa } from '../issuers/secret-ca.ts';
import { SignerMetrics } from '../observability/signer-metrics.ts';
import type { CertificateOrder } from '../policy/decide.ts';
import { parseSignerObject } from '../policy/signer-policy.ts';
import type { SignerObject } from '../policy/signer-policy.ts';
import type { PodCertificateRequest } from '../requests/pod-certificate-request.ts';
import type { RequestStatus } from '../requests/request-status.ts';
import { caSecret, privateKeyOf, rawSigner, stubRequestOf, testRequest } from '../testing/requests.ts';
import { AnswerMemory } from './answer-memory.ts';
import { Coordinator } from './coordinator.ts';
import type { Lane } from './lane.ts';
import { Places } from './places.ts';
import { SignerWork } from './signer-work.ts';

const startMs = Date.parse('2026-11-29T12:00:00Z');
const stubPKCS10Request = stubRequestOf(privateKeyOf('ED25519')).toString('base64');
const ca = readSecretCa(caSecret({ notBefore: new Date(0), notAfter: new Date(startMs + 1e10) }).data);
const openLane: Lane = { join: () => () => undefined, admit: () => 0, settled: () => undefined };

class Harness {
  readonly clock = new ManualClock(startMs);
  readonly written: { readonly request: PodCertificateRequest; readonly status: RequestStatus }[] = [];
  /** Errors of the next writes. */
  readonly writeErrors: CertfleetError[] = [];
  signed = 0;
  issuerError: CertfleetError | undefined;
  readonly starting = new Set<string>();
  readonly observer = new SignerMetrics({
    isLeading: () => true,
    signers: () => this.coordinator.gauges(),
    sharedLanes: () => [],
  });
  readonly coordinator: Coordinator;

  constructor() {
    const { clock } = this;
    const memories = { places: new Places(clock), answers: new AnswerMemory(clock) };
    const { observer } = this;
    this.coordinator = new Coordinator(
      (policy) =>
        new SignerWork({
          clock,
          log: createLogger(0, { write: () => undefined }),
          policy,
          issuer: {
            sign: (order) => Promise.try(() => this.#sign(order)),
            trustAnchors: () => Promise.resolve([]),
          },
          lane: openLane,
          spread: () => ({ jitter: 0, maxJitterMs: 0 }),
          isStarting: (podUid) => this.starting.has(podUid),
          latest: (uid) => this.coordinator.latest(uid),
          writeStatus: (request, status) => Promise.try(() => this.#write(request, status)),
          observer,
          ...memories,
        }),
    );
  }

  #sign(order: CertificateOrder): ReturnType<typeof signWithCa> {
    if (this.issuerError !== undefined) throw this.issuerError;
    this.signed += 1;
    return signWithCa(ca, order, this.clock.now());
  }

  #write(request: PodCertificateRequest, status: RequestStatus): void {
    const error = this.writeErrors.shift();
    if (error !== undefined) throw error;
    this.written.push({ request, status });
  }

  get results(): readonly string[] {
    return this.written.map(({ request, status }) => `${request.uid} ${status.conditions[0]?.reason}`);
  }
}

function object(spec: object = {}, name = 'internal', generation = 1): SignerObject {
  const parsed = parseSignerObject(rawSigner({ ...spec }, name));
  assert.ok(parsed);
  return { ...parsed, generation };
}

const request = (uid: string, meta: object = {}, spec: object = {}): PodCertificateRequest =>
  testRequest({ stubPKCS10Request, ...spec }, { uid, ...meta });

const conflict = (): CertfleetError => new CertfleetError('aborted', 'changed', { reason: 'Conflict' });

describe('Coordinator', () => {
  test('signs only while it leads, also what came before, and each request once', async () => {
    const harness = new Harness();
    const { coordinator, clock } = harness;
    coordinator.setSigner(object());
    coordinator.syncRequests([request('a'), request('x', {}, { signerName: 'example.com/foreign' })]);
    await clock.advance(1_000);
    assert.deepEqual(harness.written, []);
    coordinator.lead();
    await clock.advance(1_000);
    // An event that is older than the answer.
    coordinator.setRequest(request('a'));
    await clock.advance(1_000);
    assert.deepEqual(
      harness.written.map(({ request: { uid } }) => uid),
      ['a'],
    );
    coordinator.resign();
    coordinator.setRequest(request('b'));
    await clock.advance(60_000);
    assert.equal(harness.written.length, 1);
  });

  test('answers with the times of the certificate and a refresh at two thirds of its lifetime', async () => {
    const { coordinator, clock, written } = new Harness();
    coordinator.lead();
    coordinator.setSigner(object());
    coordinator.setRequest(request('a'));
    await clock.advance(10);
    const { status } = written[0] ?? {};
    assert.equal(status?.notBefore, '2026-11-29T11:59:00Z');
    assert.equal(status.beginRefreshAt, '2026-11-30T03:59:00Z');
    assert.equal(status.notAfter, '2026-11-30T11:59:00Z');
  });

  test('two signers of one name sign nothing, until one is removed', async () => {
    const harness = new Harness();
    const { coordinator, clock } = harness;
    coordinator.lead();
    coordinator.setSigner(object());
    coordinator.setSigner(object({}, 'second'));
    coordinator.setRequest(request('a'));
    await clock.advance(60_000);
    assert.deepEqual(harness.results, []);
    assert.deepEqual(new Set(coordinator.states().map(({ reason }) => reason)), new Set(['SignerNameConflict']));
    coordinator.removeSigner('second');
    await clock.advance(10);
    assert.deepEqual(harness.results, ['a Issued']);
  });

  test('an invalid object signs nothing and says why; its correction decides about waiting requests', async () => {
    const harness = new Harness();
    const { coordinator, clock } = harness;
    coordinator.lead();
    coordinator.setSigner(object({ names: { commonName: '$Foo' } }));
    coordinator.setRequest(request('a'));
    await clock.advance(60_000);
    assert.deepEqual(
      coordinator.states().map(({ reason }) => reason),
      ['InvalidSpec'],
    );
    coordinator.setSigner(object({ allowed: [{ namespaces: ['other'] }] }, 'internal', 2));
    await clock.advance(10);
    assert.deepEqual(harness.results, ['a IdentityNotAllowed']);
  });

  test('leaves requests pending while the issuer fails, for any time', async () => {
    const harness = new Harness();
    const { coordinator, clock } = harness;
    harness.issuerError = new CertfleetError('invalid-argument', 'the CA is away');
    coordinator.lead();
    coordinator.setSigner(object());
    coordinator.setRequest(request('a'));
    await clock.advance(10 * 60_000);
    assert.deepEqual(harness.results, []);
    const [state] = coordinator.states();
    assert.deepEqual([state?.reason, state?.message], ['IssuerUnavailable', 'the CA is away']);
    harness.issuerError = undefined;
    await clock.advance(60_000);
    assert.deepEqual(harness.results, ['a Issued']);
    assert.equal(coordinator.states()[0]?.reason, 'Ready');
  });

  test('repeats an answer that was not written, with the newest version; a request that is gone needs none', async () => {
    const harness = new Harness();
    const { coordinator, clock } = harness;
    coordinator.lead();
    coordinator.setSigner(object());
    harness.writeErrors.push(conflict(), new CertfleetError('unavailable', 'no connection'));
    coordinator.setRequest(request('a'));
    await clock.advance(10);
    coordinator.setRequest(request('a', { resourceVersion: '8' }));
    await clock.advance(60_000);
    assert.deepEqual(
      harness.written.map(({ request: { resourceVersion } }) => resourceVersion),
      ['8'],
    );
    harness.writeErrors.push(conflict());
    coordinator.setRequest(request('b'));
    await clock.advance(10);
    coordinator.removeRequest('b');
    const { signed } = harness;
    await clock.advance(60_000);
    assert.deepEqual([harness.results, harness.signed], [['a Issued'], signed]);
  });

  test('repeats a denial that was not written', async () => {
    const harness = new Harness();
    const { coordinator, clock } = harness;
    coordinator.lead();
    coordinator.setSigner(object());
    harness.writeErrors.push(new CertfleetError('unavailable', 'no connection'), conflict());
    coordinator.setRequest(request('a', {}, { serviceAccountName: 'other' }));
    await clock.advance(60_000);
    assert.deepEqual(harness.results, ['a IdentityNotAllowed']);
    assert.equal(harness.signed, 0);
  });

  test('decides again after a fault of its own, with a back-off, until the request is decided or gone', async (t) => {
    const harness = new Harness();
    const { coordinator, clock } = harness;
    coordinator.lead();
    coordinator.setSigner(object());
    const fault = faultyRequest(t, 'a');
    coordinator.setRequest(fault.request);
    coordinator.setRequest(request('b'));
    await clock.advance(10 * 60_000);
    // After 1, 2, 4, 8, 16, 32 and then 60 seconds, less the jitter of at most a half.
    assert.ok(fault.reads() >= 10 && fault.reads() <= 35, `${fault.reads()} decisions`);
    assert.deepEqual(harness.results, ['b Issued']);
    assert.equal(coordinator.gauges()[0]?.pending, 1);
    assert.match(
      await harness.observer.registry.metrics(),
      /attempts_failed_total\{signer="internal",at="signer"\} [1-9]/,
    );
    // An event of the request does not begin a second series of attempts.
    const before = fault.reads();
    for (let i = 0; i < 100; i += 1) coordinator.setRequest(fault.request);
    await clock.advance(1_000);
    assert.ok(fault.reads() <= before + 1);
    coordinator.setRequest(request('a', { resourceVersion: '8' }));
    await clock.advance(60_000);
    assert.deepEqual(harness.results, ['b Issued', 'a Issued']);

    const gone = faultyRequest(t, 'c');
    coordinator.setRequest(gone.request);
    await clock.advance(10_000);
    coordinator.removeRequest('c');
    const last = gone.reads();
    await clock.advance(10 * 60_000);
    assert.deepEqual([gone.reads(), coordinator.gauges()[0]?.pending, clock.timers], [last, 0, 0]);
  });

  test('denies again while the API server fails, and once when it answers', async () => {
    const harness = new Harness();
    const { coordinator, clock } = harness;
    coordinator.lead();
    coordinator.setSigner(object());
    for (let i = 0; i < 12; i += 1) harness.writeErrors.push(new CertfleetError('unavailable', 'HTTP 500'));
    coordinator.setRequest(request('a', {}, { serviceAccountName: 'other' }));
    await clock.advance(60_000);
    assert.deepEqual([harness.results, coordinator.gauges()[0]?.pending], [[], 1]);
    await clock.advance(10 * 60_000);
    assert.deepEqual([harness.results, coordinator.gauges()[0]?.pending], [['a IdentityNotAllowed'], 0]);
  });

  test('stops its repetitions when it resigns', async (t) => {
    const { coordinator, clock } = new Harness();
    coordinator.lead();
    coordinator.setSigner(object());
    coordinator.setRequest(faultyRequest(t, 'a').request);
    await clock.advance(10_000);
    coordinator.resign();
    assert.equal(clock.timers, 0);
  });

  test('shows how long a pod that starts has waited, whatever its request waits for', async (t) => {
    const harness = new Harness();
    const { coordinator, clock, starting } = harness;
    coordinator.lead();
    coordinator.setSigner(object());
    const oldest = (): number | undefined => coordinator.gauges()[0]?.oldestStartingMs;
    harness.issuerError = new CertfleetError('unavailable', 'the CA is away');
    coordinator.setRequest(request('refresh', {}, { podUID: 'old' }));
    await clock.advance(60_000);
    assert.equal(oldest(), 0);
    starting.add('new').add('unlucky');
    coordinator.setRequest(request('first', {}, { podUID: 'new' }));
    await clock.advance(120_000);
    assert.equal(oldest(), 120_000);
    harness.issuerError = undefined;
    await clock.advance(120_000);
    assert.equal(oldest(), 0);
    coordinator.setRequest(faultyRequest(t, 'faulty', { podUID: 'unlucky' }).request);
    await clock.advance(30_000);
    assert.equal(oldest(), 30_000);
    assert.match(await harness.observer.registry.metrics(), /oldest_start_seconds\{signer="internal"\} 30/);
  });
});

/** A request that cannot be decided because of a fault of the signer. */
function faultyRequest(
  t: TestContext,
  uid: string,
  spec: object = {},
): { readonly request: PodCertificateRequest; readonly reads: () => number } {
  const read = t.mock.fn(() => {
    throw new TypeError('a fault');
  });
  const base = request(uid, {}, spec);
  const faulty = Object.defineProperty({ ...base }, 'stubRequest', { get: read });
  return { request: faulty, reads: () => read.mock.callCount() };
}
