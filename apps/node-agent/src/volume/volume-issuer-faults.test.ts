import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';
import type { HarnessChanges } from './testing/volume-test-harness.ts';

let harness: VolumeTestHarness;
const open = async (changes: HarnessChanges = {}): Promise<VolumeTestHarness> =>
  (harness = await VolumeTestHarness.open(changes));
afterEach(() => harness.remove());

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const pending = new CertfleetError('deadline-exceeded', 'not answered', { reason: 'RequestPending' });
const unapproved = new CertfleetError('deadline-exceeded', 'not approved yet', { reason: 'RequestUnapproved' });
const failed = new CertfleetError('failed-precondition', 'the issuer gave up', { reason: 'RequestFailed' });

describe('an issuer that grants less than was requested', () => {
  /** Number of issuances within an hour for a volume whose certificates are backdated. */
  const issuances = async (
    attributes: Record<string, string>,
    changes: { backdateMs: number; grantedMs: number },
  ): Promise<number> => {
    await open();
    Object.assign(harness.issuer, changes);
    const request = harness.request('web', attributes);
    await harness.publish(request);
    await harness.advance(hourMs, 10_000);
    return harness.issuer.requests.length;
  };

  test('gets requests no more often than the remaining lifetime requires', async () => {
    const nearlyAll = { duration: '1440h', 'renew-before': '720h' };
    assert.equal(await issuances(nearlyAll, { backdateMs: 0, grantedMs: 720 * hourMs + 30_000 }), 1);
    harness.remove();
    assert.ok((await issuances({ duration: '30m' }, { backdateMs: hourMs, grantedMs: 90 * minuteMs })) <= 4);
    harness.remove();
    assert.ok((await issuances({ duration: '2m' }, { backdateMs: hourMs, grantedMs: hourMs + minuteMs })) <= 120);
  });

  test('gets no continuous requests if the agent’s clock is ahead', async () => {
    await open();
    harness.issuer.signerAheadMs = -59 * minuteMs;
    const request = harness.request('web', { duration: '1h' });
    await harness.publish(request);
    await harness.advance(10 * minuteMs, 1_000);
    assert.ok(harness.issuer.requests.length <= 10, `${harness.issuer.requests.length} requests`);
  });
});

describe('a final refusal', () => {
  test('of a renewal causes few requests, and a person may request at once', async () => {
    await open();
    const request = harness.request('web', { duration: '2160h' });
    await harness.publish(request);
    harness.issuer.failure = failed;
    await harness.advance(1440 * hourMs + 24 * hourMs, 10 * minuteMs);
    const refused = harness.issuer.requests.length - 1;
    assert.ok(refused >= 3 && refused <= 6, `${refused} requests in a day`);
    assert.equal(harness.issuer.requestNames().size, refused + 1);
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 1), 'backing-off');
    harness.issuer.failure = undefined;
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 1, true), 'renewed');
    await harness.clock.advance(0);
    assert.equal(harness.manager.volume(request.volumeId)?.record.obsoleteRequests, undefined);
  });

  test('delays jobs no longer than the controller’s wait, and reports the wait', async () => {
    await open({ hasController: true });
    const request = harness.request('web', { duration: '2160h' });
    await harness.publish(request);
    const fiftieth = harness.manager.automaticWaitMs(request.volumeId);
    assert.equal(fiftieth, hourMs);
    harness.issuer.failure = failed;
    await harness.clock.advance(1440 * hourMs);
    await assert.rejects(harness.manager.renewGeneration(request.volumeId, 1));
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 1), 'backing-off');
    const waitMs = harness.manager.automaticWaitMs(request.volumeId);
    assert.ok(waitMs >= hourMs && waitMs <= 1.1 * hourMs, `${waitMs} ms`);
    // The agent's own attempt comes ten minutes later.
    await harness.clock.advance(waitMs);
    assert.equal(harness.manager.automaticWaitMs(request.volumeId), 0);
    const before = harness.issuer.requests.length;
    harness.issuer.failure = undefined;
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 1), 'renewed');
    assert.equal(harness.issuer.requests.length, before + 1);
    assert.equal(harness.manager.automaticWaitMs('unknown'), 0);
  });
});

describe('a request that its issuer ignores', () => {
  test('is replaced under a new name after a part of the remaining time, and rarely', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.issuer.failure = pending;
    await harness.advance(16 * hourMs + hourMs, minuteMs);
    assert.equal(harness.issuer.requestNames().size, 2);
    await harness.advance(6 * hourMs, minuteMs);
    const names = harness.issuer.requestNames().size;
    assert.ok(names >= 4 && names <= 10, `${names} names`);
    assert.ok(harness.events.some(({ reason }) => reason === 'RequestReplaced'));
    harness.issuer.failure = undefined;
    await harness.advance(10 * minuteMs, minuteMs);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
  });

  test('is kept while it waits for approval, and for a part of the remaining time after it', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.issuer.failure = unapproved;
    await harness.advance(22 * hourMs, minuteMs);
    harness.issuer.failure = pending;
    await harness.advance(20 * minuteMs, minuteMs);
    // A restart does not forget that the approval came late.
    await harness.restart();
    await harness.advance(5 * minuteMs, minuteMs);
    assert.equal(harness.issuer.requestNames().size, 2);
    await harness.advance(10 * minuteMs, minuteMs);
    assert.equal(harness.issuer.requestNames().size, 3);
  });

  test('is replaced at once when a person requests a renewal', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.issuer.failure = pending;
    await harness.advance(16 * hourMs + 5 * minuteMs, minuteMs);
    assert.equal(harness.issuer.requestNames().size, 2);
    harness.issuer.failure = undefined;
    const ignored = harness.issuer.requestNames();
    const sign = harness.issuer.issue.bind(harness.issuer);
    harness.issuer.issue = (order, ...rest) =>
      ignored.has(order.requestName) ? Promise.reject(pending) : sign(order, ...rest);
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 1, true), 'renewed');
    assert.equal(harness.issuer.requestNames().size, 3);
  });

  test('is not replaced if it was answered after the last attempt', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.issuer.failure = pending;
    await harness.advance(16 * hourMs + 5 * minuteMs, minuteMs);
    harness.issuer.failure = undefined;
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 1, true), 'renewed');
    assert.equal(harness.issuer.requestNames().size, 2);
  });
});

describe('an issuer without a CA', () => {
  test('leaves an empty CA file at first, and never removes the CA of a running pod', async () => {
    await open();
    const [bare, rooted] = [harness.request('bare'), harness.request('rooted')];
    harness.issuer.sendsCa = false;
    await harness.publish(bare);
    assert.equal(harness.store.readPayload(bare.volumeId).get('ca.crt')?.length, 0);
    harness.issuer.sendsCa = true;
    await harness.publish(rooted);
    const ca = harness.store.readPayload(rooted.volumeId).get('ca.crt');
    harness.issuer.sendsCa = false;
    await harness.clock.advance(20_000);
    assert.equal(harness.manager.volume(rooted.volumeId)?.record.generation, 2);
    assert.deepEqual(harness.store.readPayload(rooted.volumeId).get('ca.crt'), ca);
    assert.ok(harness.events.some(({ reason }) => reason === 'CaMissing'));
  });

  test('gives a pod an empty truststore, with a warning', async () => {
    await open();
    harness.issuer.sendsCa = false;
    const truststore = { 'pkcs12-truststore-enable': 'true', 'pkcs12-password': 'changeit' };
    const request = harness.request('web', truststore);
    await harness.publish(request);
    assert.notEqual(harness.store.readPayload(request.volumeId).get('truststore.p12')?.length ?? 0, 0);
    const missing = harness.events.filter(({ reason }) => reason === 'CaMissing');
    assert.deepEqual(
      missing.map(({ message }) => message),
      ['the issuer sent no CA, so the truststore is empty'],
    );
  });
});

describe('an issuer that changes the names', () => {
  test('has its certificate published, and the pod gets Events about the names', async () => {
    await open();
    const request = harness.request('web', { 'dns-names': 'web.shop.svc,web.example' });
    harness.issuer.otherNames = { dnsNames: ['WEB.shop.svc', 'other.example'], uris: [], ipAddresses: [] };
    await harness.publish(request);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 1);
    const messages = (reason: string): unknown[] =>
      harness.events.filter((event) => event.reason === reason).map(({ type, message }) => [type, message]);
    assert.deepEqual(messages('NamesMissing'), [
      ['Warning', 'the certificate from Issuer ca lacks DNS:web.example, CN:web'],
    ]);
    assert.deepEqual(messages('NamesAdded'), [['Normal', 'Issuer ca added DNS:other.example to the certificate']]);
    const metrics = await harness.metrics.registry.metrics();
    for (const kind of ['missing', 'added']) {
      assert.ok(metrics.includes(`certfleet_agent_certificate_name_differences_total{kind="${kind}"} 1`), kind);
    }
    harness.issuer.otherNames = undefined;
    await harness.publish(harness.request('same', { 'dns-names': 'same.example' }));
    assert.equal(messages('NamesMissing').length + messages('NamesAdded').length, 2);
  });

  test('cannot fill an Event', async () => {
    await open();
    const dnsNames = Array.from({ length: 1000 }, (_, index) => `${'x'.repeat(60)}.${index}.example`);
    harness.issuer.otherNames = { dnsNames, uris: [], ipAddresses: [] };
    await harness.publish(harness.request('web', { 'dns-names': 'web.example' }));
    const added = harness.events.find(({ reason }) => reason === 'NamesAdded');
    assert.match(added?.message ?? '', / and 992 more to the certificate$/);
    assert.ok((added?.message.length ?? 0) < 1024);
  });
});

describe('renewals that wait for an answer', () => {
  test('block no slot of another volume of the same issuer', async () => {
    await open();
    const waiting = Array.from({ length: 60 }, (_, index) => harness.request(`slow-${index}`, { duration: '1h' }));
    for (const request of waiting) await harness.publish(request);
    await harness.clock.advance(31 * minuteMs);
    const healthy = harness.request('healthy', { duration: '10m' });
    await harness.publish(healthy);
    harness.issuer.unanswered = (requestName) => requestName.startsWith('slow-');
    let expiredSeconds = 0;
    for (let second = 0; second < 3_600; second++) {
      await harness.clock.advance(1_000);
      const { issued } = harness.manager.volume(healthy.volumeId)?.record ?? {};
      if ((issued?.notAfter.getTime() ?? 0) <= harness.clock.now()) expiredSeconds += 1;
    }
    assert.equal(expiredSeconds, 0);
  });

  test('block no publish of a mounted volume', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    harness.issuer.hold();
    await harness.clock.advance(20_000);
    await harness.publish(request);
    harness.issuer.release();
  });
});
