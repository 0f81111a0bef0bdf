import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { testRoot, testRoots } from '../crypto/testing/test-roots.ts';
import type { TestRoot } from '../crypto/testing/test-roots.ts';
import { TrustFixture, until } from './testing/trust-fixture.ts';

let fixture: TrustFixture;
const open = async (): Promise<TrustFixture> => (fixture = await TrustFixture.open());
afterEach(() => fixture.close());
const down = new CertfleetError('unavailable', 'connection refused', { reason: 'ConnectionRefused' });
const named = { 'trust-configmap-name': 'roots' };

const putData = (data: Readonly<Record<string, string>> | undefined): Promise<void> =>
  fixture.api.put('configmaps', { metadata: { name: 'roots', namespace: 'shop' }, data });
const put = (roots: readonly TestRoot[]): Promise<void> => putData({ 'ca.crt': roots.map(({ pem }) => pem).join('') });
const reads = (): number => fixture.api.requests.get('configmaps') ?? 0;
/** Lets the sources be read again, at most one and a quarter intervals later. */
const pollAgain = async (): Promise<void> => {
  const before = reads();
  await fixture.harness.clock.advance(80_000);
  await until(() => reads() > before);
};

describe('a ConfigMap of the pod’s namespace', () => {
  test('is in the first CA file, and its changes reach the running pod without a new issuance', async () => {
    const { harness } = await open();
    const [first, second, third] = testRoots(3) as [TestRoot, TestRoot, TestRoot];
    await put([first, second, first]);
    const web = await fixture.publish('web', named);
    const own = fixture.ownCa(web);
    assert.deepEqual(fixture.trusted(web), [own.fingerprint, first.fingerprint, second.fingerprint]);
    await put([third, second]);
    await pollAgain();
    await fixture.updated(web);
    assert.deepEqual(fixture.trusted(web), [own.fingerprint, third.fingerprint, second.fingerprint]);
    assert.equal(harness.issuer.requests.length, 1);
    assert.match(harness.events.at(-1)?.message ?? '', /sources of additional trust: ConfigMap\/roots\/ca\.crt$/);
  });

  test('is read once per interval for all volumes of the node, and not without them', async () => {
    const { harness } = await open();
    await put([testRoot()]);
    const requests = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        await fixture.publish(`web-${i}`, named);
        return harness.request(`web-${i}`);
      }),
    );
    assert.equal(reads(), 1);
    await harness.clock.advance(600_000);
    assert.ok(reads() >= 8 && reads() <= 15, String(reads()));
    for (const request of requests) await harness.manager.unpublish(request);
    await harness.clock.advance(120_000);
    const last = reads();
    await harness.clock.advance(600_000);
    assert.equal(reads(), last);
    assert.match(await harness.metrics.registry.metrics(), /trust_sources\{state="current"\} 0/);
  });

  test('delays a new pod while it is missing or invalid, and says why', async () => {
    const { harness } = await open();
    const leaf = testRoot({ isCa: false });
    const cases: [() => Promise<void>, RegExp][] = [
      [() => Promise.resolve(), /additional trust from ConfigMap\/roots\/ca\.crt: configmaps roots not found/],
      [() => putData(undefined), /expected the key ca\.crt in its data, found none/],
      [() => putData({ other: leaf.pem }), /expected the key ca\.crt in its data, found none/],
      [() => putData({ 'ca.crt': '' }), /expected PEM blocks of CA certificates, found none/],
      [() => putData({ 'ca.crt': leaf.pem }), /expected a CA certificate as block 1, found one without/],
      [() => putData({ 'ca.crt': 'x'.repeat(400_000) }), /expected at most 393216 characters/],
    ];
    for (const [index, [prepare, message]] of cases.entries()) {
      await prepare();
      await assert.rejects(fixture.publish(`web-${index}`, named), { code: 'unavailable', message });
      const { reason, type } = harness.events.at(-1) ?? {};
      assert.deepEqual([type, reason], ['Warning', 'TrustSourceFailed']);
    }
    assert.equal(harness.issuer.requests.length, 0);
    await put([testRoot()]);
    await harness.clock.advance(60_000);
    assert.equal(fixture.trusted(await fixture.publish('web-0', named)).length, 2);
  });

  test('that becomes missing or invalid keeps its last good state, with one Event and a metric', async () => {
    const { harness, api } = await open();
    const [root, next] = [testRoot(), testRoot()];
    await put([root]);
    const web = await fixture.publish('web', named);
    const trusted = fixture.trusted(web);
    const problems = (): number => harness.events.filter(({ reason }) => reason === 'TrustSourceFailed').length;
    for (const [index, spoil] of [
      () => putData({ 'ca.crt': 'text' }),
      () => api.delete('configmaps', { name: 'roots', namespace: 'shop' }),
    ].entries()) {
      await spoil();
      await pollAgain();
      await pollAgain();
      await fixture.updated(web);
      assert.deepEqual(fixture.trusted(web), trusted);
      assert.equal(problems(), index + 1);
      assert.match(await harness.metrics.registry.metrics(), /trust_sources\{state="failed"\} 1/);
    }
    assert.match(harness.events.at(-1)?.message ?? '', /not found; the certificates that it gave last stay/);
    await put([next]);
    await pollAgain();
    await fixture.updated(web);
    assert.deepEqual(fixture.trusted(web), [trusted[0], next.fingerprint]);
    assert.match(await harness.metrics.registry.metrics(), /trust_sources\{state="failed"\} 0/);
  });

  test('is kept through restarts and renewals while the API server cannot be reached, without an Event', async () => {
    const { harness, api } = await open();
    const root = testRoot();
    await put([root]);
    const web = await fixture.publish('web', named);
    api.failure = down;
    await harness.restart();
    await fixture.renew(web);
    await harness.clock.advance(300_000);
    await fixture.updated(web);
    assert.deepEqual(fixture.trusted(web).slice(1), [root.fingerprint]);
    assert.ok(!harness.events.some(({ reason }) => reason === 'TrustSourceFailed'));
    api.failure = undefined;
    await put([]).catch(() => undefined);
    await put([testRoot(), root]);
    await pollAgain();
    await fixture.updated(web);
    assert.equal(fixture.trusted(web).length, 3);
  });

  test('loses to the exclusion of a CARotation, and has it back without it', async () => {
    await open();
    const root = testRoot();
    await put([root]);
    await fixture.synced();
    const web = await fixture.publish('web', named);
    await fixture.rotate({ state: 'Remove', certificates: [], remove: [root.fingerprint] });
    await fixture.updated(web);
    assert.equal(fixture.trusted(web).length, 1);
    await fixture.api.delete('carotations', { name: 'r' });
    await fixture.updated(web);
    assert.equal(fixture.trusted(web).length, 2);
  });
});

describe('a ClusterTrustBundle', () => {
  const name = 'example.com:signer:v1';
  const attributes = { 'trust-cluster-bundle-name': name };
  const putBundle = (roots: readonly TestRoot[]): Promise<void> =>
    fixture.api.put('clustertrustbundles', {
      metadata: { name },
      spec: { trustBundle: roots.map(({ pem }) => pem).join('') },
    });

  test('is read in the version that the cluster serves, also after an upgrade', async () => {
    const { api } = await open();
    const [root, next] = [testRoot(), testRoot()];
    await putBundle([root]);
    const web = await fixture.publish('web', attributes);
    assert.deepEqual(fixture.trusted(web).slice(1), [root.fingerprint]);
    api.served.delete('v1beta1/clustertrustbundles');
    api.served.add('v1/clustertrustbundles');
    await putBundle([next]);
    await fixture.harness.clock.advance(80_000);
    await fixture.harness.clock.advance(80_000);
    await until(() => fixture.trusted(web)[1] === next.fingerprint);
  });

  test('delays a new pod if the cluster serves none, and says so', async () => {
    const { api } = await open();
    api.served.delete('v1beta1/clustertrustbundles');
    const message = /ClusterTrustBundle\/example\.com:signer:v1: the cluster serves no ClusterTrustBundles$/;
    await assert.rejects(fixture.publish('web', attributes), { message });
  });
});
