import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { credentials, Metadata } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ErrorCode } from '@certfleet/shared/errors.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { IdentityClient, NodeClient, NodePublishVolumeRequest } from '../../gen/csi/v1/csi.ts';
import { RegistrationClient } from '../../gen/pluginregistration/v1/api.ts';
import type { PublishContext, PublishRequest, UnpublishRequest } from '../volume/volume-requests.ts';
import { CsiEndpoint } from './csi-endpoint.ts';
import { tokensKey } from './publish-request.ts';

let directory: string;
let endpoint: CsiEndpoint;
let node: NodeClient;
let published: [PublishRequest, PublishContext][];
let unpublished: UnpublishRequest[];
let observed: [string, string][];
let answerPublish: (context: PublishContext) => Promise<void>;
let log: string;

const socket = (name: string): string => join(directory, name);

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cf-'));
  [published, unpublished, observed, log] = [[], [], [], ''];
  answerPublish = () => Promise.resolve();
  endpoint = new CsiEndpoint({
    nodeId: 'node-1',
    driverName: 'test.driver',
    version: '1.2.3',
    socketPath: socket('csi.sock'),
    kubeletSocketPath: '/host/csi.sock',
    registrationDirectory: socket('registry'),
    volumes: {
      publish: (request, context) => {
        published.push([request, context]);
        return answerPublish(context);
      },
      unpublish: (request) => Promise.resolve(void unpublished.push(request)),
    },
    observer: {
      log: createLogger(5, { write: (line: string) => void (log += line) }),
      observe: (method, code) => void observed.push([method, code]),
    },
  });
  await endpoint.start();
  node = new NodeClient(`unix:${socket('csi.sock')}`, credentials.createInsecure());
});
afterEach(async () => {
  node.close();
  await endpoint.stop();
  rmSync(directory, { recursive: true });
});

type Call<Answer> = (done: (error: ServiceError | null, answer: Answer) => void) => unknown;
const answer = <Answer>(call: Call<Answer>): Promise<Answer> =>
  new Promise((resolve, reject) => call((error, value) => (error === null ? resolve(value) : reject(error))));
const valid = { volumeId: 'v', targetPath: '/pods/v', readonly: true, volumeCapability: { mount: {} } };
const publish = (changes: Parameters<typeof NodePublishVolumeRequest.fromPartial>[0] = {}): Promise<object> => {
  const request = NodePublishVolumeRequest.fromPartial({ ...valid, ...changes });
  return answer((done) => node.nodePublishVolume(request, done));
};

describe('CsiEndpoint', () => {
  test('passes a publish on with separate tokens, from the context or from the secrets', async () => {
    const volumeContext = { a: 'b', [tokensKey]: 'context-token' };
    const mount = { volumeMountGroup: '2000' };
    await publish({ volumeContext, volumeCapability: { mount } });
    await publish({ volumeContext, secrets: { [tokensKey]: 'secret-token' } });
    const [first, second] = published.map(([request]) => request);
    assert.deepEqual(first?.attributes, { a: 'b' });
    assert.equal(first.volumeMountGroup, '2000');
    assert.equal(first.serviceAccountTokens?.reveal(), 'context-token');
    assert.equal(second?.serviceAccountTokens?.reveal(), 'secret-token');
    assert.ok(!log.includes('-token'));
  });

  test('passes the Secret of nodePublishSecretRef on, without the tokens, and never logs it', async () => {
    await publish({ secrets: { [tokensKey]: 'secret-token', password: 'hunter2' } });
    await publish();
    const [first, second] = published.map(([request]) => request.secretData);
    assert.deepEqual(Object.keys(first ?? {}), ['password']);
    assert.equal(first?.['password']?.reveal(), 'hunter2');
    assert.deepEqual(second, {});
    assert.ok(!log.includes('hunter2'));
  });

  test('rejects what CSI or this driver does not allow, with the reason', async () => {
    const refused: [Parameters<typeof publish>[0], RegExp][] = [
      [{ volumeId: '' }, /volume_id: required/],
      [{ targetPath: '' }, /target_path: required/],
      [{ targetPath: 'pods/v' }, /expected an absolute path/],
      [{ targetPath: '/pods/../etc' }, /expected an absolute path/],
      [{ readonly: false }, /pod\.spec\.volumes\[\]\.csi\.readOnly must be set to 'true'/],
      [{ volumeCapability: {} }, /volume_capability\.mount: required/],
      [{ volumeCapability: { block: {} } }, /found access type block/],
    ];
    for (const [changes, details] of refused) await assert.rejects(publish(changes), { code: 3, details });
    assert.equal(published.length, 0);
  });

  test('normalises the target path in the same way for both calls', async () => {
    await publish({ targetPath: '/pods//v/./mount/' });
    await answer((done) => node.nodeUnpublishVolume({ volumeId: 'v', targetPath: '/pods/v/mount/' }, done));
    assert.equal(published[0]?.[0].targetPath, '/pods/v/mount');
    assert.equal(unpublished[0]?.targetPath, '/pods/v/mount');
  });

  test('maps each error code to the gRPC code of that name', async () => {
    const codes: Readonly<Record<ErrorCode, number>> = {
      cancelled: 1,
      'invalid-argument': 3,
      'deadline-exceeded': 4,
      'not-found': 5,
      'already-exists': 6,
      'permission-denied': 7,
      'resource-exhausted': 8,
      'failed-precondition': 9,
      aborted: 10,
      unimplemented: 12,
      internal: 13,
      unavailable: 14,
      unauthenticated: 16,
    };
    for (const [name, code] of Object.entries(codes)) {
      answerPublish = () => Promise.reject(new CertfleetError(name as ErrorCode, `it was ${name}`));
      await assert.rejects(publish(), { code, details: `it was ${name}` });
    }
    answerPublish = () => Promise.reject(new TypeError('a bug'));
    await assert.rejects(publish(), { code: 13 });
    assert.deepEqual(observed.at(-1), ['NodePublishVolume', 'INTERNAL']);
  });

  test('passes the caller’s deadline and cancellation to the volumes', async () => {
    const timeoutMs = 60_000;
    const expectedMs = performance.now() + timeoutMs;
    const arrived = Promise.withResolvers<PublishContext>();
    const ended = Promise.withResolvers<void>();
    answerPublish = (context) => {
      arrived.resolve(context);
      return ended.promise;
    };
    const request = NodePublishVolumeRequest.fromPartial({ ...valid });
    const refused = Promise.withResolvers<ServiceError | null>();
    const call = node.nodePublishVolume(request, new Metadata(), { deadline: Date.now() + timeoutMs }, (error) =>
      refused.resolve(error),
    );
    const { signal, deadlineMs } = await arrived.promise;
    assert.ok(Math.abs(deadlineMs - expectedMs) < 1_000, `${deadlineMs - expectedMs} ms off`);
    assert.equal(signal.aborted, false);
    const aborted = once(signal, 'abort');
    call.cancel();
    await aborted;
    assert.equal((await refused.promise)?.code, 1);
    ended.resolve();
  });

  test('returns its name and node, and offers only volume mount groups', async () => {
    const identity = new IdentityClient(`unix:${socket('csi.sock')}`, credentials.createInsecure());
    const { name, vendorVersion } = await answer<{ name: string; vendorVersion: string }>((done) =>
      identity.getPluginInfo({}, done),
    );
    assert.deepEqual([name, vendorVersion], ['test.driver', '1.2.3']);
    assert.deepEqual(await answer((done) => identity.probe({}, done)), { ready: true });
    assert.deepEqual(await answer((done) => identity.getPluginCapabilities({}, done)), { capabilities: [] });
    identity.close();
    assert.equal((await answer<{ nodeId: string }>((done) => node.nodeGetInfo({}, done))).nodeId, 'node-1');
    const { capabilities } = await answer<{ capabilities: unknown[] }>((done) => node.nodeGetCapabilities({}, done));
    assert.equal(capabilities.length, 1);
  });

  test('registers with the host’s path, and keeps the kubelet’s refusal until it accepts the driver', async () => {
    const registration = new RegistrationClient(
      `unix:${socket('registry/test.driver-reg.sock')}`,
      credentials.createInsecure(),
    );
    const info = await answer<{ endpoint: string }>((done) => registration.getInfo({}, done));
    assert.equal(info.endpoint, '/host/csi.sock');
    const notify = (pluginRegistered: boolean, error: string): Promise<object> =>
      answer((done) => registration.notifyRegistrationStatus({ pluginRegistered, error }, done));
    assert.equal(endpoint.refusal, undefined);
    await notify(false, 'no');
    assert.equal(endpoint.refusal, 'the kubelet refused the driver: no');
    await notify(true, '');
    assert.equal(endpoint.refusal, undefined);
    registration.close();
  });
});
