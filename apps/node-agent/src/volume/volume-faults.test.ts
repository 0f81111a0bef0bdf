import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { FileSystem } from '../storage/file-system.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';
import type { HarnessChanges } from './testing/volume-test-harness.ts';

let harness: VolumeTestHarness;
const open = async (changes: HarnessChanges = {}): Promise<VolumeTestHarness> =>
  (harness = await VolumeTestHarness.open(changes));
afterEach(() => harness.remove());

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const systemError = (code: string): Error => Object.assign(new Error(code), { code });
const pending = new CertfleetError('deadline-exceeded', 'not answered', { reason: 'RequestPending' });
const unapproved = new CertfleetError('deadline-exceeded', 'not approved yet', { reason: 'RequestUnapproved' });
const failed = new CertfleetError('failed-precondition', 'the issuer gave up', { reason: 'RequestFailed' });
const requestNames = (): Set<string> => new Set(harness.issuer.requests.map(({ requestName }) => requestName));

/** Advances in steps, so that an attempt with real work does not miss its own deadline. */
const advance = async (byMs: number, stepMs: number): Promise<void> => {
  for (let passedMs = 0; passedMs < byMs; passedMs += stepMs) await harness.clock.advance(stepMs);
};

/** Fails the first matching call once. */
const failOnce = (code: string, isMeant: (call: keyof FileSystem, path: string) => boolean): void => {
  let isSpent = false;
  harness.beforeFileCall = (call, path) => {
    if (isSpent || !isMeant(call, String(path))) return;
    isSpent = true;
    throw systemError(code);
  };
};

describe('a volume whose files cannot be written', () => {
  test('is not mounted before its record is written, and is scheduled afterwards', async () => {
    for (const code of ['ENOSPC', 'EIO', 'EMFILE']) {
      await open();
      const request = harness.request('web');
      let writes = 0;
      // The first write of the record creates the volume, the second one publishes it.
      failOnce(code, (call, path) => call === 'openSync' && path.endsWith('..new-volume.json') && ++writes === 2);
      await assert.rejects(harness.publish(request), (error: CertfleetError) =>
        ['unavailable', 'resource-exhausted'].includes(error.code),
      );
      assert.equal(harness.mounter.mounted.size, 0);
      await harness.publish(request);
      assert.equal(harness.issuer.requests.length, 1);
      assert.equal(harness.store.readRecord(request.volumeId).phase, 'published');
      await harness.restart();
      await harness.clock.advance(20 * minuteMs);
      assert.equal(harness.store.has(request.volumeId), true);
      assert.ok((harness.manager.volume(request.volumeId)?.record.generation ?? 0) > 1);
      if (code !== 'EMFILE') harness.remove();
    }
  });

  test('finds a certificate that was written before the error instead of requesting another', async () => {
    await open();
    const request = harness.request('web');
    failOnce('ENOSPC', (call, path) => call === 'symlinkSync' && path.startsWith('..data/'));
    await harness.publish(request);
    for (const name of ['tls.crt', 'tls.key', 'ca.crt'])
      assert.ok(existsSync(join(harness.store.dataPath(request.volumeId), name)), name);
    assert.equal(harness.issuer.requests.length, 1);
  });

  test('is renewed according to when its files were written, not when they were found', async () => {
    await open();
    const request = harness.request('web', { duration: '600s', 'renew-before': '570s' });
    harness.mounter.failure = new Error('killed');
    await assert.rejects(harness.publish(request));
    const record = harness.store.readRecord(request.volumeId);
    harness.store.writeRecord({ ...record, generation: 0, issued: undefined });
    const data = harness.store.dataPath(request.volumeId);
    const writtenAt = new Date(harness.clock.now());
    utimesSync(join(data, readlinkSync(join(data, '..data'))), writtenAt, writtenAt);
    await harness.clock.advance(27_000);
    await harness.restart();
    const { issued } = harness.manager.volume(request.volumeId)?.record ?? {};
    assert.equal(issued?.renewAt.getTime(), writtenAt.getTime() + 30_000);
    await harness.clock.advance(3_000);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
  });

  test('keeps its schedule if the record of a renewal cannot be written', async () => {
    await open();
    const request = harness.request('web', { duration: '30h' });
    await harness.publish(request);
    harness.beforeFileCall = (call, path) => {
      if (call === 'openSync' && String(path).endsWith('..new-volume.json')) throw systemError('ENOSPC');
    };
    await harness.clock.advance(20 * hourMs);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
    assert.match(harness.log, /cannot write volume metadata/);
    harness.beforeFileCall = undefined;
    await harness.restart();
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
    await harness.clock.advance(20 * hourMs);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 3);
  });

  test('is restored later if it cannot be read at a start, and others are restored at once', async () => {
    await open();
    const [lame, sound] = [harness.request('lame'), harness.request('sound')];
    for (const request of [lame, sound]) await harness.publish(request);
    harness.beforeFileCall = (call, path) => {
      if (call === 'readFileSync' && String(path).includes('csi-lame')) throw systemError('EIO');
    };
    assert.deepEqual(
      (await harness.restart()).map(({ volumeId }) => volumeId),
      [sound.volumeId],
    );
    harness.beforeFileCall = undefined;
    await harness.clock.advance(minuteMs);
    await harness.clock.advance(20_000);
    assert.ok((harness.manager.volume(lame.volumeId)?.record.generation ?? 0) > 1);
  });
});

describe('the removal of a volume', () => {
  test('destroys the key first, and after a failure at any step is completed by the next call', async () => {
    for (const step of ['unmount', 'rmdir', 'rm']) {
      await open();
      const request = harness.request('web', { 'pkcs12-enable': 'true', 'pkcs12-password': 'hunter22' });
      await harness.publish(request);
      const key = harness.store.readPayload(request.volumeId).get('tls.key')?.toString() ?? '';
      if (step === 'unmount') harness.mounter.unmountFailure = new Error('EBUSY');
      if (step === 'rmdir') failOnce('ENOTEMPTY', (call) => call === 'rmdirSync');
      if (step === 'rm') failOnce('EIO', (call, path) => call === 'rmSync' && path.endsWith('volume.json'));
      await harness.manager.unpublish(request).catch(() => undefined);
      const left = harness.store.interruptedRemovals();
      for (const { volumeId } of left) assert.equal(volumeId, request.volumeId);
      assert.equal(harness.store.has(request.volumeId), false, step);
      const grep = (directory: string): boolean =>
        harness.filesBelow(directory).some((f) => readFileSync(f, 'utf8').includes(key));
      assert.equal(grep(join(harness.scratch, 'own')), false, step);
      await harness.clock.advance(hourMs);
      assert.equal(harness.issuer.requests.length, 1, step);
      await harness.manager.unpublish(request);
      assert.deepEqual(harness.filesBelow(join(harness.scratch, 'own')), [], step);
      assert.equal(harness.mounter.mounted.size, 0);
      if (step !== 'rm') harness.remove();
    }
  });

  test('is completed before the volume is published again', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    failOnce('EBUSY', (call) => call === 'rmdirSync');
    await assert.rejects(harness.manager.unpublish(request), { code: 'unavailable' });
    await harness.publish(request);
    assert.equal(harness.mounter.mounted.size, 1);
    await harness.clock.advance(20_000);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
  });
});

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
    await advance(hourMs, 10_000);
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
    await advance(10 * minuteMs, 1_000);
    assert.ok(harness.issuer.requests.length <= 10, `${harness.issuer.requests.length} requests`);
  });
});

describe('a jump of the wall clock', () => {
  test('does not lengthen the wait of a failed renewal', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.issuer.failure = new CertfleetError('unavailable', 'down');
    await harness.clock.advance(16 * hourMs);
    harness.clock.stepWall(48 * hourMs);
    await advance(2 * minuteMs, 1_000);
    harness.clock.stepWall(-48 * hourMs);
    harness.issuer.failure = undefined;
    await advance(10 * minuteMs, 1_000);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
  });

  test('backwards does not delay a renewal', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.clock.stepWall(-30 * 24 * hourMs);
    await harness.clock.advance(16 * hourMs);
    assert.equal(harness.issuer.requests.length, 2);
  });

  test('forwards starts a renewal at once, and no other within the minimum interval', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.clock.stepWall(17 * hourMs);
    await harness.clock.advance(2 * minuteMs);
    // Three percent of the lifetime have not passed: the certificate was issued minutes ago.
    assert.equal(harness.issuer.requests.length, 1);
    await harness.clock.advance(30 * minuteMs);
    assert.equal(harness.issuer.requests.length, 2);
  });
});

describe('a publish of a volume that exists', () => {
  test('fails with a code after which the kubelet unpublishes', async () => {
    await open();
    const request = harness.request('web');
    harness.mounter.failure = systemError('EIO');
    await assert.rejects(harness.publish(request), { code: 'unavailable' });
    harness.mounter.shows = () => Promise.reject(systemError('EIO'));
    await assert.rejects(harness.publish(request), { code: 'unavailable' });
  });

  test('makes a new request if the answer to the old one expired before it could be stored', async () => {
    await open();
    const request = harness.request('web', { duration: '30s' });
    failOnce('ENOSPC', (call, path) => call === 'mkdirSync' && path.includes('/data/'));
    await assert.rejects(harness.publish(request), { code: 'resource-exhausted' });
    await harness.clock.advance(minuteMs);
    await harness.publish(request);
    assert.equal(requestNames().size, 2);
  });
});

describe('a final refusal', () => {
  test('of a renewal causes few requests, and a person may request at once', async () => {
    await open();
    const request = harness.request('web', { duration: '2160h' });
    await harness.publish(request);
    harness.issuer.failure = failed;
    await advance(1440 * hourMs + 24 * hourMs, 10 * minuteMs);
    const refused = harness.issuer.requests.length - 1;
    assert.ok(refused >= 3 && refused <= 6, `${refused} requests in a day`);
    assert.equal(requestNames().size, refused + 1);
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
    await advance(16 * hourMs + hourMs, minuteMs);
    assert.equal(requestNames().size, 2);
    await advance(6 * hourMs, minuteMs);
    const names = requestNames().size;
    assert.ok(names >= 4 && names <= 10, `${names} names`);
    assert.ok(harness.events.some(({ reason }) => reason === 'RequestReplaced'));
    harness.issuer.failure = undefined;
    await advance(10 * minuteMs, minuteMs);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
  });

  test('is kept while it waits for approval, and for a part of the remaining time after it', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.issuer.failure = unapproved;
    await advance(22 * hourMs, minuteMs);
    harness.issuer.failure = pending;
    await advance(20 * minuteMs, minuteMs);
    // A restart does not forget that the approval came late.
    await harness.restart();
    await advance(5 * minuteMs, minuteMs);
    assert.equal(requestNames().size, 2);
    await advance(10 * minuteMs, minuteMs);
    assert.equal(requestNames().size, 3);
  });

  test('is replaced at once when a person requests a renewal', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.issuer.failure = pending;
    await advance(16 * hourMs + 5 * minuteMs, minuteMs);
    assert.equal(requestNames().size, 2);
    harness.issuer.failure = undefined;
    const ignored = requestNames();
    const sign = harness.issuer.issue.bind(harness.issuer);
    harness.issuer.issue = (order, ...rest) =>
      ignored.has(order.requestName) ? Promise.reject(pending) : sign(order, ...rest);
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 1, true), 'renewed');
    assert.equal(requestNames().size, 3);
  });

  test('is not replaced if it was answered after the last attempt', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.issuer.failure = pending;
    await advance(16 * hourMs + 5 * minuteMs, minuteMs);
    harness.issuer.failure = undefined;
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 1, true), 'renewed');
    assert.equal(requestNames().size, 2);
  });
});

describe('a certificate that is invalid only by a wrong clock of the node', () => {
  test('is requested again at the next publish after the clock is set, without the wait for a refusal', async () => {
    await open();
    const request = harness.request('web', { duration: '1h' });
    harness.issuer.signerAheadMs = -5 * 24 * hourMs;
    await assert.rejects(harness.publish(request), { reason: 'InvalidCertificate' });
    await harness.clock.advance(minuteMs);
    await assert.rejects(harness.publish(request));
    assert.equal(requestNames().size, 1);
    harness.clock.stepWall(-5 * 24 * hourMs);
    harness.issuer.signerAheadMs = 0;
    await harness.publish(request);
    assert.equal(requestNames().size, 2);
  });
});

describe('a wall clock that is set back and forth', () => {
  test('does not make an issuer of invalid certificates get a request per change', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.issuer.signerAheadMs = -5 * 24 * hourMs;
    await advance(16 * hourMs, minuteMs);
    const before = requestNames().size;
    for (let minutes = 0; minutes < 12 * 60; minutes += 2) {
      harness.clock.stepWall(5 * minuteMs);
      await harness.clock.advance(minuteMs);
      harness.clock.stepWall(-5 * minuteMs);
      await harness.clock.advance(minuteMs);
    }
    const names = requestNames().size - before;
    // Without changes of the clock there are 69: the waits are an eighth of the time to expiry, or since.
    assert.ok(names <= 85, `${names} requests within twelve hours`);
  });
});

describe('a certificate that is not valid yet', () => {
  test('waits while the current one is valid, and is not requested twice', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    const serial = harness.serial(request);
    harness.issuer.signerAheadMs = 4 * minuteMs;
    await harness.clock.advance(16 * hourMs);
    assert.equal(harness.serial(request), serial);
    assert.equal(harness.events.at(-1)?.reason, 'CertificateNotYetValid');
    assert.equal(harness.manager.volume(request.volumeId)?.failedAttempts, 0);
    await harness.clock.advance(4 * minuteMs);
    assert.notEqual(harness.serial(request), serial);
    assert.equal(requestNames().size, 2);
  });

  test('defers the controller’s job for as long, without another request to the issuer', async () => {
    await open({ hasController: true });
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    assert.equal(harness.manager.deferredForMs(request.volumeId), 0);
    harness.issuer.signerAheadMs = 4 * minuteMs;
    await harness.clock.advance(16 * hourMs);
    await assert.rejects(harness.manager.renewGeneration(request.volumeId, 1), { reason: 'CertificateNotYetValid' });
    assert.equal(harness.manager.deferredForMs(request.volumeId), 4 * minuteMs);
    const { length } = harness.issuer.requests;
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 1), 'deferred');
    assert.equal(harness.issuer.requests.length, length);
    await harness.clock.advance(minuteMs);
    assert.equal(harness.manager.automaticWaitMs(request.volumeId), 3 * minuteMs);
    await harness.clock.advance(3 * minuteMs);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
    assert.equal(harness.manager.deferredForMs(request.volumeId), 0);
  });

  test('is used with a warning if it is the first, or if the current one would expire', async () => {
    await open();
    harness.issuer.signerAheadMs = 12 * hourMs;
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    assert.ok(harness.events.some(({ reason }) => reason === 'CertificateNotYetValid'));
    const serial = harness.serial(request);
    await harness.clock.advance(12 * hourMs);
    harness.issuer.signerAheadMs = 72 * hourMs;
    await advance(24 * hourMs, 10 * minuteMs);
    assert.notEqual(harness.serial(request), serial);
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

describe('a target with another mount', () => {
  test('is left unchanged, with an error that names the remedy', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(harness.request('other'));
    mkdirSync(request.targetPath, { recursive: true });
    harness.mounter.mounted.set(request.targetPath, '/old/root/csi-web/data');
    await assert.rejects(harness.publish(request), {
      code: 'unavailable',
      reason: 'MountFailed',
      message: /delete the pod/,
    });
    assert.equal(harness.mounter.mounted.get(request.targetPath), '/old/root/csi-web/data');
  });
});

describe('a stopping agent', () => {
  test('does not count as a failure of the issuer', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    harness.issuer.hold();
    await harness.clock.advance(20_000);
    await harness.restart();
    const volume = harness.manager.volume(request.volumeId);
    assert.deepEqual([volume?.record.lastFailure, volume?.failedAttempts], [undefined, 0]);
    harness.issuer.release();
  });
});

describe('a pod name of any form', () => {
  test('results in a request name that is a DNS-1123 subdomain', async () => {
    await open();
    const name = `${'a'.repeat(199)}.${'b'.repeat(50)}`;
    await harness.publish(harness.request(name.slice(0, 20), { 'common-name': 'web' }));
    const request = harness.request('dotted', { 'common-name': 'web' });
    await harness.publish({ ...request, attributes: { ...request.attributes, 'csi.storage.k8s.io/pod.name': name } });
    const requestName = harness.issuer.requests.at(-1)?.requestName ?? '';
    assert.match(requestName, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
    assert.ok(requestName.length <= 253);
  });
});
