import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { ProbeFailure } from '@certfleet/fleet-model/vocabulary.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import type { ProbedPod } from './pod-addresses.ts';
import { testVolumeSpec } from '../spec/testing/volume-spec.ts';
import type { ProbeResult, ProbeTarget } from './read-served-certificate.ts';
import { ServedMonitor } from './served-monitor.ts';
import type { ProbedVolume } from './served-monitor.ts';

const intervalMs = 5 * 60_000;
type MutableVolume = { -readonly [Field in keyof ProbedVolume]: ProbedVolume[Field] };

/** A node with volumes, an API server and pods that answer as the test says. */
class ProbedNode {
  readonly clock = new ManualClock(Date.UTC(2026, 10, 24));
  readonly volumes = new Map<string, MutableVolume>();
  readonly pods = new Map<string, ProbedPod>();
  readonly targets: ProbeTarget[] = [];
  readonly changes: string[] = [];
  readonly notLoaded: string[] = [];
  readonly observed: ('certificate' | ProbeFailure)[] = [];
  readonly apiErrors: unknown[] = [];
  apiError: Error | undefined;
  beforeGet: () => unknown = () => undefined;
  answer: (target: ProbeTarget, signal: AbortSignal) => ProbeResult | Promise<ProbeResult> = () => ({
    failure: 'refused',
  });
  readonly monitor = new ServedMonitor({
    nodeName: 'n1',
    intervalMs,
    maxPerSecond: 10,
    volume: (volumeId) => this.volumes.get(volumeId),
    getPod: ({ name }) => {
      this.beforeGet();
      return this.apiError ? Promise.reject(this.apiError) : Promise.resolve(this.pods.get(name));
    },
    readCertificate: async (target, { signal }) => {
      this.targets.push(target);
      return await this.answer(target, signal);
    },
    clock: this.clock,
    random: () => 0,
    observe: (result) => void this.observed.push(result),
    onNotLoaded: ({ volumeId }) => void this.notLoaded.push(volumeId),
    onApiError: (thrown) => void this.apiErrors.push(thrown),
  });

  constructor() {
    this.monitor.onChange((volumeId) => void this.changes.push(volumeId));
  }

  add(name: string, changes: { ips?: readonly string[]; namespace?: string; isProbed?: boolean } = {}): string {
    const { ips = ['10.0.0.7'], namespace = 'shop', isProbed = true } = changes;
    const probe = isProbed ? { port: 8443, serverName: undefined } : undefined;
    const pod = { name, namespace, uid: `uid-${name}`, serviceAccountName: 'default' };
    this.pods.set(name, {
      uid: pod.uid,
      spec: { nodeName: 'n1', hostNetwork: false },
      status: { podIPs: ips.map((ip) => ({ ip })), hostIPs: [{ ip: '192.0.2.1' }] },
    });
    this.volumes.set(name, {
      volumeId: name,
      spec: testVolumeSpec({ pod, probe }),
      isRemoving: false,
      unpublished: new AbortController(),
      record: { phase: 'published', issued: this.#issued(`${name}-1`) },
    });
    this.monitor.volumeChanged(name);
    return name;
  }

  renew(name: string, fingerprint: string): void {
    const volume = this.volumes.get(name);
    assert.ok(volume);
    volume.record = { ...volume.record, issued: this.#issued(fingerprint) };
    this.monitor.volumeChanged(name);
  }

  remove(name: string): void {
    this.volumes.get(name)?.unpublished.abort();
    this.volumes.delete(name);
    this.monitor.volumeChanged(name);
  }

  state(name: string): string | undefined {
    return this.monitor.status(name)?.state;
  }

  #issued(fingerprintSha256: string) {
    const now = this.clock.now();
    const [issuedAt, notAfter] = [new Date(now), new Date(now + 86_400_000)];
    return {
      ...{ serialNumber: '01', fingerprintSha256, caFingerprintsSha256: [], requestName: undefined },
      ...{ notBefore: issuedAt, issuedAt, renewAt: notAfter, notAfter },
    };
  }
}

let node: ProbedNode;
beforeEach(() => (node = new ProbedNode()));

const serves = (fingerprintSha256: string) => (): ProbeResult => ({ fingerprintSha256 });

describe('ServedMonitor', () => {
  test("compares what the pod's port serves with the volume, soon after it was written and then at the interval", async () => {
    node.answer = serves('web-1');
    node.add('web');
    await node.clock.advance(2_000);
    assert.equal(node.state('web'), 'served');
    assert.deepEqual(node.targets, [{ address: '10.0.0.7', port: 8443, serverName: undefined }]);
    await node.clock.advance(intervalMs - 1);
    assert.equal(node.targets.length, 1);
    await node.clock.advance(1);
    assert.equal(node.targets.length, 2);
    assert.deepEqual(node.changes, ['web']);
    assert.deepEqual(node.observed, ['certificate', 'certificate']);
  });

  test('reports a server that does not load a renewed certificate once, and its reload', async () => {
    node.answer = serves('web-1');
    node.add('web');
    await node.clock.advance(2_000);
    node.renew('web', 'web-2');
    assert.equal(node.state('web'), 'renewed');
    await node.clock.advance(59_000);
    assert.equal(node.state('web'), 'renewed');
    await node.clock.advance(4_000);
    assert.equal(node.state('web'), 'not-loaded');
    await node.clock.advance(3_600_000);
    assert.deepEqual(node.notLoaded, ['web']);
    assert.deepEqual(node.monitor.counts(), { 'not-loaded': 1, unknown: 0, renewed: 0, served: 0 });
    node.answer = serves('web-2');
    await node.clock.advance(60_000);
    assert.equal(node.state('web'), 'served');
  });

  test('probes no volume that does not ask for it, is not published or has no certificate', async () => {
    node.add('plain', { isProbed: false });
    for (const record of [
      { phase: 'created', issued: undefined },
      { phase: 'published', issued: undefined },
    ] as const) {
      const volume = node.volumes.get(node.add(`${record.phase}-volume`));
      assert.ok(volume);
      volume.record = record;
      node.monitor.volumeChanged(volume.volumeId);
    }
    await node.clock.advance(intervalMs);
    assert.deepEqual(node.targets, []);
    assert.equal(node.clock.timers, 0);
  });

  test("connects to no address that is not the pod's own", async () => {
    const cases = ['gone', 'replaced', 'elsewhere', 'host-network', 'loopback', 'node-address', 'no-address'];
    for (const name of cases) node.add(name, { namespace: name });
    const change = (name: string, changed: Partial<ProbedPod>): void => {
      const pod = node.pods.get(name);
      assert.ok(pod);
      node.pods.set(name, { ...pod, ...changed });
    };
    node.pods.delete('gone');
    change('replaced', { uid: 'another' });
    change('elsewhere', { spec: { nodeName: 'n2', hostNetwork: false } });
    change('host-network', { spec: { nodeName: 'n1', hostNetwork: true } });
    const status = { hostIPs: [{ ip: '192.0.2.1' }], conditions: [] };
    change('loopback', { status: { ...status, podIPs: [{ ip: '127.0.0.1' }] } });
    change('node-address', { status: { ...status, podIPs: [{ ip: '192.0.2.1' }] } });
    change('no-address', { status: { ...status, podIPs: [] } });
    await node.clock.advance(60_000);
    assert.deepEqual(node.targets, []);
    for (const name of cases) {
      const failure = name === 'host-network' ? name : 'no-address';
      assert.deepEqual([node.state(name), node.monitor.status(name)?.failure], ['unknown', failure], name);
    }
  });

  test("reads the pod's address again before each probe", async () => {
    node.answer = serves('web-1');
    node.add('web');
    await node.clock.advance(2_000);
    const pod = node.pods.get('web');
    assert.ok(pod);
    node.pods.set('web', { ...pod, status: { ...pod.status, podIPs: [{ ip: '10.0.0.9' }] } });
    await node.clock.advance(intervalMs);
    assert.deepEqual(
      node.targets.map(({ address }) => address),
      ['10.0.0.7', '10.0.0.9'],
    );
  });

  test('tries the second address of a pod if the first presents no certificate', async () => {
    node.answer = ({ address }) => (address === 'fd00::7' ? { failure: 'refused' } : { fingerprintSha256: 'web-1' });
    node.add('web', { ips: ['fd00::7', '10.0.0.7'] });
    await node.clock.advance(2_000);
    assert.equal(node.state('web'), 'served');
    assert.deepEqual(
      node.targets.map(({ address }) => address),
      ['fd00::7', '10.0.0.7'],
    );
  });

  test('keeps the state while the API server does not answer', async () => {
    node.answer = serves('web-1');
    node.add('web');
    await node.clock.advance(2_000);
    node.apiError = new CertfleetError('unavailable', 'no API server');
    await node.clock.advance(10 * intervalMs);
    assert.equal(node.state('web'), 'served');
    assert.equal(node.apiErrors.length, 1, 'reported once');
    node.apiError = undefined;
    await node.clock.advance(intervalMs);
    node.apiError = new CertfleetError('permission-denied', 'pods is forbidden');
    await node.clock.advance(intervalMs);
    assert.equal(node.apiErrors.length, 2);
  });

  test('asks an API server that does not answer less and less often', async () => {
    let asked = 0;
    node.apiError = new CertfleetError('unavailable', 'no API server');
    node.beforeGet = () => (asked += 1);
    node.add('web');
    await node.clock.advance(62_000);
    assert.equal(asked, 5);
    await node.clock.advance(600_000);
    assert.equal(asked, 15);
    assert.equal(node.state('web'), 'renewed');
  });

  test('a slow server delays other namespaces only briefly, and its own by two at a time', async () => {
    const open: (() => void)[] = [];
    node.answer = ({ address }) =>
      address === '10.6.6.6'
        ? new Promise((resolve) => open.push(() => resolve({ failure: 'timeout' })))
        : { failure: 'refused' };
    for (let i = 0; i < 50; i++) node.add(`slow-${i}`, { ips: ['10.6.6.6'], namespace: 'slow' });
    node.add('web');
    await node.clock.advance(3_000);
    assert.deepEqual(new Set(node.targets.map(({ address }) => address)), new Set(['10.6.6.6', '10.0.0.7']));
    assert.equal(open.length, 2);
    open.shift()?.();
    await node.clock.advance(1_000);
    assert.equal(open.length, 2);
    const stopped = node.monitor.stop();
    for (const end of open) end();
    await stopped;
  });

  test('starts at most ten probes in a second', async () => {
    for (let i = 0; i < 100; i++) node.add(`web-${i}`, { namespace: `ns-${i}` });
    await node.clock.advance(2_000);
    assert.ok(node.targets.length <= 10, String(node.targets.length));
    await node.clock.advance(1_000);
    assert.ok(node.targets.length > 10 && node.targets.length <= 21, String(node.targets.length));
  });

  test('a result that comes after a renewal or a removal is ignored', async () => {
    const answers: ((result: ProbeResult) => void)[] = [];
    node.answer = () => new Promise((resolve) => answers.push(resolve));
    node.add('web');
    node.add('gone');
    await node.clock.advance(2_000);
    assert.equal(answers.length, 2);
    node.renew('web', 'web-2');
    node.remove('gone');
    for (const answer of answers) answer({ fingerprintSha256: 'web-1' });
    node.answer = serves('web-2');
    await node.clock.advance(1_000);
    assert.deepEqual([node.state('web'), node.state('gone')], ['renewed', undefined]);
    await node.clock.advance(1_000);
    assert.deepEqual([node.state('web'), node.state('gone')], ['served', undefined]);
    assert.deepEqual(node.changes, ['web']);
  });

  test('a removed volume ends its probe', async () => {
    let ended = false;
    node.answer = (_, signal) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          ended = true;
          resolve({ failure: 'timeout' });
        }),
      );
    node.add('web');
    await node.clock.advance(2_000);
    node.remove('web');
    await node.clock.advance(intervalMs);
    assert.equal(ended, true);
    assert.equal(node.targets.length, 1);
    assert.equal(node.clock.timers, 0);
  });

  test('stop ends the probes in progress and starts no more', async () => {
    node.answer = (_, signal) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve({ failure: 'timeout' })));
    node.add('web');
    await node.clock.advance(2_000);
    await node.monitor.stop();
    node.add('late');
    await node.clock.advance(intervalMs);
    assert.equal(node.targets.length, 1);
    assert.deepEqual(node.changes, []);
  });
});
