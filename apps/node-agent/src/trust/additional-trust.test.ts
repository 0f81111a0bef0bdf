import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import fc from 'fast-check';
import { testRoot, testRoots } from '../crypto/testing/test-roots.ts';
import type { TestRoot } from '../crypto/testing/test-roots.ts';
import { TrustFixture, until } from './testing/trust-fixture.ts';

let fixture: TrustFixture;
const open = async (): Promise<TrustFixture> => (fixture = await TrustFixture.open());
afterEach(() => fixture.close());

/** A volume that trusts its own CA and the next one. */
async function openInRotation(): Promise<{
  readonly harness: TrustFixture['harness'];
  readonly web: string;
  readonly own: TestRoot;
  readonly next: TestRoot;
}> {
  const { harness } = await open();
  const web = await fixture.publish('web');
  await fixture.synced();
  const [own, next] = [fixture.ownCa(web), testRoot()];
  await fixture.rotate({ certificates: [own, next] });
  await fixture.updated(web);
  return { harness, web, own, next };
}

const down = new CertfleetError('unavailable', 'connection refused', { reason: 'ConnectionRefused' });

describe('a CARotation', () => {
  test('adds its certificates to the volumes of its CAs, and takes them back, without a new issuance', async () => {
    const { harness } = await open();
    const [web, other] = [await fixture.publish('web'), await fixture.publish('other')];
    await fixture.synced();
    const own = fixture.ownCa(web);
    const [next, foreign] = [testRoot(), testRoot()];
    const before = new Map(harness.store.readPayload(web));
    await fixture.rotate({ name: 'foreign', certificates: [foreign] });
    await fixture.rotate({ certificates: [own, next] });
    for (const volumeId of [web, other]) {
      await fixture.updated(volumeId);
      assert.deepEqual(fixture.trusted(volumeId), [own.fingerprint, next.fingerprint]);
    }
    const after = harness.store.readPayload(web);
    for (const name of ['tls.crt', 'tls.key']) assert.deepEqual(after.get(name), before.get(name), name);
    assert.equal(harness.issuer.requests.length, 2);
    assert.equal(harness.manager.volume(web)?.record.generation, 1);
    const event = harness.events.findLast(({ reason }) => reason === 'TrustUpdated');
    assert.match(event?.message ?? '', /sources of additional trust: CARotation\/r$/);
    assert.match(await harness.metrics.registry.metrics(), /trust_updates_total\{result="updated"\} 2/);
    await fixture.rotate({ state: 'Remove', certificates: [own, next] });
    await fixture.updated(web);
    assert.deepEqual(harness.store.readPayload(web), before);
    await fixture.rotate({ certificates: [own, next] });
    await fixture.api.delete('carotations', { name: 'r' });
    await fixture.updated(web);
    assert.deepEqual(harness.store.readPayload(web), before);
  });

  test('reaches new volumes and renewals in one write, whichever CA signs', async () => {
    const { harness } = await open();
    await fixture.synced();
    const own = fixture.ownCa(await fixture.publish('probe'));
    const next = testRoot();
    await fixture.rotate({ certificates: [own, next] });
    const web = await fixture.publish('web');
    assert.deepEqual(fixture.trusted(web), [own.fingerprint, next.fingerprint]);
    harness.issuer.otherCaPem = next.pem;
    await fixture.renew(web);
    assert.deepEqual(fixture.trusted(web), [next.fingerprint, own.fingerprint]);
    const { issued } = harness.manager.volume(web)?.record ?? {};
    assert.deepEqual(issued?.caFingerprintsSha256, [next.fingerprint]);
    harness.issuer.otherCaPem = testRoot().pem;
    await fixture.renew(web);
    assert.equal(fixture.trusted(web).length, 1);
  });

  test('is in the first files of a volume that is mounted while the agent starts', async () => {
    const { harness, api } = await open();
    await fixture.synced();
    const [own, next] = [fixture.ownCa(await fixture.publish('probe')), testRoot()];
    api.failure = down;
    await harness.restart();
    const published = fixture.publish('web');
    await fixture.rotate({ certificates: [own, next] });
    const reads = api.requests.get('carotations') ?? 0;
    await harness.clock.advance(1_000);
    await until(() => (api.requests.get('carotations') ?? 0) > reads);
    assert.equal(harness.issuer.requests.length, 1, 'nothing is requested before the rotations are known');
    api.failure = undefined;
    await harness.clock.advance(4_000);
    const web = await published;
    assert.deepEqual(fixture.trusted(web), [own.fingerprint, next.fingerprint]);
    assert.equal(harness.manager.volume(web)?.record.generation, 1);
  });

  test('delays mounts for ten seconds at most, and is added as soon as it can be read', async () => {
    const { harness, api } = await open();
    await fixture.synced();
    const [own, next] = [fixture.ownCa(await fixture.publish('probe')), testRoot()];
    await fixture.rotate({ certificates: [own, next] });
    api.failure = down;
    await harness.restart();
    const published = fixture.publish('web');
    await harness.clock.advance(10_000);
    const web = await published;
    assert.deepEqual(fixture.trusted(web), [own.fingerprint]);
    await fixture.publish('later');
    api.failure = undefined;
    await harness.clock.advance(30_000);
    await fixture.synced();
    await fixture.updated(web);
    assert.deepEqual(fixture.trusted(web), [own.fingerprint, next.fingerprint]);
  });

  test('delays no mount in a cluster without the definition', async () => {
    const { harness, api } = await open();
    await fixture.synced();
    api.served.delete('v1alpha1/carotations');
    await harness.restart();
    await fixture.publish('web');
  });

  test('is kept through a renewal for which the issuer returns no CA', async () => {
    const { harness, web, own, next } = await openInRotation();
    harness.issuer.sendsCa = false;
    await fixture.renew(web);
    await fixture.rotate({ state: 'Remove', certificates: [own, next] });
    await fixture.updated(web);
    assert.deepEqual(fixture.trusted(web), [own.fingerprint]);
  });

  test('is kept through restarts and renewals while the API server cannot be reached', async () => {
    const { harness, api } = await open();
    const web = await fixture.publish('web');
    await fixture.synced();
    const [own, next] = [fixture.ownCa(web), testRoot()];
    await fixture.rotate({ certificates: [own, next] });
    await fixture.updated(web);
    api.failure = down;
    await harness.restart();
    await fixture.updated(web);
    assert.deepEqual(fixture.trusted(web), [own.fingerprint, next.fingerprint]);
    harness.issuer.otherCaPem = next.pem;
    await fixture.renew(web);
    assert.deepEqual(fixture.trusted(web), [next.fingerprint, own.fingerprint]);
    harness.issuer.otherCaPem = testRoot().pem;
    await fixture.renew(web);
    await harness.restart();
    assert.deepEqual(fixture.trusted(web).slice(1), [own.fingerprint, next.fingerprint]);
    // The source returns and no longer concerns the volume's CA.
    api.failure = undefined;
    await harness.restart();
    await fixture.synced();
    await fixture.updated(web);
    assert.equal(fixture.trusted(web).length, 1);
  });

  test('excludes certificates of every source, except the own CA and those of a rotation in progress', async () => {
    await open();
    const web = await fixture.publish('web');
    await fixture.synced();
    const [own, old, next] = [fixture.ownCa(web), testRoot(), testRoot()];
    await fixture.rotate({ name: 'a', certificates: [old], concerned: [own.fingerprint] });
    await fixture.updated(web);
    assert.deepEqual(fixture.trusted(web), [own.fingerprint, old.fingerprint]);
    const remove = [own.fingerprint, old.fingerprint];
    await fixture.rotate({ name: 'b', state: 'Remove', certificates: [], remove });
    await fixture.updated(web);
    assert.deepEqual(fixture.trusted(web), [own.fingerprint, old.fingerprint]);
    await fixture.rotate({ name: 'a', state: 'Remove', certificates: [next] });
    await fixture.updated(web);
    assert.deepEqual(fixture.trusted(web), [own.fingerprint]);
  });

  test('that cannot be read keeps what it said last', async () => {
    const { harness, web, own, next } = await openInRotation();
    const leaf = testRoot({ isCa: false });
    const bad = [
      { state: 'Add', certificates: [leaf.pem], fingerprints: [own.fingerprint] },
      { state: 'Add', certificates: ['text'], fingerprints: [own.fingerprint] },
      { state: 'Add', certificates: [own.pem], fingerprints: ['AB:CD'] },
      { state: 'Add', certificates: testRoots(17).map(({ pem }) => pem), fingerprints: [own.fingerprint] },
      { state: 'Later', certificates: [own.pem], fingerprints: [own.fingerprint] },
      { state: 'Add', certificates: own.pem, fingerprints: [own.fingerprint] },
      'Add',
      undefined,
    ];
    for (const restarts of [false, true]) {
      for (const trust of bad) {
        await fixture.api.put('carotations', { metadata: { name: 'r' }, status: { trust } });
        if (restarts) {
          await harness.restart();
          await fixture.synced();
        }
        await fixture.updated(web);
        assert.deepEqual(fixture.trusted(web), [own.fingerprint, next.fingerprint], JSON.stringify(trust));
      }
    }
    assert.match(
      harness.log,
      /"problem":"expected a CA certificate as block 1, found one without the basic constraint/,
    );
    assert.match(harness.log, /"problem":"status.trust.fingerprints: expected SHA-256 fingerprints/);
  });

  test('costs one list per two minutes and no log line in a cluster without the definition', async () => {
    const { harness, api } = await open();
    api.served.clear();
    api.requests.clear();
    await harness.restart();
    const web = await fixture.publish('web');
    await harness.clock.advance(600_000);
    const lists = api.requests.get('carotations') ?? 0;
    assert.ok(lists >= 4 && lists <= 7, String(lists));
    assert.doesNotMatch(harness.log, /rotation/i);
    api.served.add('v1alpha1/carotations');
    await harness.clock.advance(180_000);
    await fixture.synced();
    await fixture.rotate({ certificates: [fixture.ownCa(web), testRoot()] });
    await fixture.updated(web);
    assert.equal(fixture.trusted(web).length, 2);
  });

  test('reaches truststores and keystores of both formats', async () => {
    const { harness } = await open();
    const attributes: Record<string, string> = {};
    for (const format of ['pkcs12', 'jks']) {
      attributes[`${format}-enable`] = 'true';
      attributes[`${format}-truststore-enable`] = 'true';
      attributes[`${format}-password`] = 'changeit';
    }
    const web = await fixture.publish('web', attributes);
    await fixture.synced();
    const [own, next] = [fixture.ownCa(web), testRoot()];
    const before = harness.store.readPayload(web);
    await fixture.rotate({ certificates: [next, own] });
    await until(() => fixture.trusted(web).length === 2);
    await fixture.updated(web);
    const after = harness.store.readPayload(web);
    assert.deepEqual([...after.keys()].sort(), [...before.keys()].sort());
    for (const name of after.keys()) {
      const isSame = after.get(name)?.equals(before.get(name) ?? Buffer.of()) === true;
      assert.equal(isSame, ['tls.crt', 'tls.key'].includes(name), name);
    }
    const path = join(harness.scratch, 'store.p12');
    for (const [name, certificates] of [
      ['truststore.p12', 2],
      ['keystore.p12', 3],
    ] as const) {
      writeFileSync(path, after.get(name) ?? '');
      const args = ['pkcs12', '-nokeys', '-in', path, '-passin', 'pass:changeit'];
      const text = execFileSync('openssl', args, { encoding: 'utf8' });
      assert.equal(text.split('BEGIN CERTIFICATE').length - 1, certificates, name);
    }
    for (const name of ['truststore.jks', 'keystore.jks']) {
      const der = Buffer.from(next.pem.replace(/-----.*-----/g, ''), 'base64');
      assert.ok(after.get(name)?.includes(der), name);
    }
  });

  test('that removes a CA again: a certificate of it that could not be written is requested again', async () => {
    const { harness, web, own, next } = await openInRotation();
    harness.issuer.otherCaPem = next.pem;
    harness.beforeFileCall = (call, path) => {
      if (call === 'mkdirSync' && String(path).includes('/data/'))
        throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    };
    await assert.rejects(fixture.renew(web), { code: 'resource-exhausted' });
    harness.beforeFileCall = undefined;
    const unwritten = harness.issuer.requests.at(-1)?.requestName ?? '';
    harness.issuer.otherCaByRequest.set(unwritten, next.pem);
    harness.issuer.otherCaPem = undefined;
    await fixture.rotate({ state: 'Remove', certificates: [], remove: [next.fingerprint] });
    await fixture.renew(web);
    assert.deepEqual(fixture.trusted(web), [own.fingerprint]);
    const names = harness.issuer.requests.slice(-2).map(({ requestName }) => requestName);
    assert.deepEqual(names, [unwritten, `${unwritten}-1`]);
    assert.match(harness.events.find(({ reason }) => reason === 'RequestReplaced')?.message ?? '', /removed the CA/);
  });

  test('is repeated with a back-off if the files cannot be written, and the files stay as they are', async () => {
    const { harness } = await open();
    const web = await fixture.publish('web');
    await fixture.synced();
    const [own, next] = [fixture.ownCa(web), testRoot()];
    let tries = 0;
    harness.beforeFileCall = (call, path) => {
      if (call !== 'mkdirSync' || !String(path).includes('/data/')) return;
      tries += 1;
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    };
    await fixture.rotate({ certificates: [own, next] });
    await until(() => tries === 1);
    assert.deepEqual(fixture.trusted(web), [own.fingerprint]);
    await harness.clock.advance(60_000);
    assert.ok(tries >= 5 && tries <= 7, String(tries));
    harness.beforeFileCall = undefined;
    await harness.clock.advance(120_000);
    await fixture.updated(web);
    assert.deepEqual(fixture.trusted(web), [own.fingerprint, next.fingerprint]);
    assert.match(await harness.metrics.registry.metrics(), /trust_updates_total\{result="failed"\} [5-9]/);
  });
});

describe('additional trust of a volume', () => {
  /** Kills the agent before a file call, as SIGKILL does; calls after it have no effect. */
  const killAfter = (calls: number): (() => boolean) => {
    let seen = 0;
    fixture.harness.beforeFileCall = () => {
      if (seen++ >= calls) throw new Error('killed');
    };
    return () => seen > calls;
  };

  interface Steps {
    readonly prepare: () => Promise<void>;
    readonly act: (web: string) => Promise<unknown>;
    readonly check: (web: string) => void;
  }

  /** Kills the agent at each step of the act, with a new volume each time, until one run completes. */
  const atEachStep = async ({ prepare, act, check }: Steps): Promise<number> => {
    const { harness, api } = fixture;
    for (let step = 0; ; step++) {
      await prepare();
      const web = await fixture.publish(`web-${step}`);
      const isKilled = killAfter(step);
      await act(web).catch(() => undefined);
      const killed = isKilled();
      harness.beforeFileCall = undefined;
      api.failure = down;
      await harness.restart();
      check(web);
      api.failure = undefined;
      await harness.manager.unpublish(harness.request(`web-${step}`));
      await harness.restart();
      await fixture.synced();
      if (!killed) return step;
    }
  };

  test('outlasts a kill at every step of a renewal under another CA, without the source', async () => {
    const { harness, api } = await open();
    await fixture.synced();
    const own = fixture.ownCa(await fixture.publish('probe'));
    const next = testRoot();
    await fixture.rotate({ certificates: [own, next] });
    const steps = await atEachStep({
      prepare: () => {
        harness.issuer.otherCaPem = undefined;
        return Promise.resolve();
      },
      act: async (web) => {
        api.failure = down;
        harness.issuer.otherCaPem = next.pem;
        await fixture.renew(web);
      },
      check: (web) => {
        assert.deepEqual([...fixture.trusted(web)].sort(), [own.fingerprint, next.fingerprint].sort());
        const { issued } = harness.manager.volume(web)?.record ?? {};
        // The certificate's own CA is known in any case: the other one leaves when its source says so.
        assert.deepEqual(issued?.caFingerprintsSha256, [fixture.ownCa(web).fingerprint]);
      },
    });
    assert.ok(steps > 10, String(steps));
  });

  test('is complete or unchanged after a kill at every step of an update', async () => {
    const { harness } = await open();
    const next = testRoot();
    await fixture.synced();
    const own = fixture.ownCa(await fixture.publish('probe'));
    for (const [before, after] of [
      ['Remove', 'Add'],
      ['Add', 'Remove'],
    ]) {
      const seen = new Set<number>();
      const steps = await atEachStep({
        prepare: () => fixture.rotate({ state: before ?? '', certificates: [own, next] }),
        act: async (web) => {
          await fixture.rotate({ state: after ?? '', certificates: [own, next] });
          await harness.manager.updateTrust(web);
        },
        check: (web) => {
          seen.add(fixture.trusted(web).length);
          assert.equal(fixture.ownCa(web).fingerprint, own.fingerprint);
        },
      });
      assert.ok(steps > 10, String(steps));
      assert.deepEqual([...seen].sort(), [1, 2]);
      const web = await fixture.publish('web');
      await fixture.updated(web);
      assert.equal(fixture.trusted(web).length, after === 'Add' ? 2 : 1);
      await harness.manager.unpublish(harness.request('web'));
    }
  });

  const roots = testRoots(4);
  const root = (index: number): TestRoot => roots[index] ?? testRoot();
  const names = fc.constantFrom('a', 'b');
  const states = fc.constantFrom('Add', 'Remove');
  const subsets = fc.subarray([0, 1, 2, 3], { minLength: 1 });
  const stepArbitrary = fc.oneof(
    fc.record({ do: fc.constant('put' as const), name: names, state: states, subset: subsets }),
    fc.record({ do: fc.constant('delete' as const), name: names }),
    fc.record({ do: fc.constant('renew' as const), ca: fc.nat(3) }),
    fc.record({ do: fc.constant('restart' as const), isDown: fc.boolean() }),
  );
  type Step = typeof stepArbitrary extends fc.Arbitrary<infer T> ? T : never;

  /** What the sources say and what the volume should trust, by index of the roots. */
  interface Model {
    readonly rotations: Map<string, readonly number[]>;
    own: number;
    isDown: boolean;
    /** What the sources gave when they were last read. */
    kept: readonly number[];
  }

  const carryOut = async (web: string, step: Step, model: Model): Promise<void> => {
    const { harness, api } = fixture;
    if (step.do === 'renew') {
      harness.issuer.otherCaPem = root(step.ca).pem;
      await fixture.renew(web);
      model.own = step.ca;
    } else if (step.do === 'restart') {
      model.isDown = step.isDown;
      api.failure = step.isDown ? down : undefined;
      await harness.restart();
      if (!step.isDown) await fixture.synced();
    } else if (step.do === 'delete') {
      await api.delete('carotations', { name: step.name });
      model.rotations.delete(step.name);
    } else {
      await fixture.rotate({ ...step, certificates: step.subset.map(root) });
      model.rotations.set(step.name, step.state === 'Add' ? step.subset : []);
    }
  };

  test('follows the sources in any order of changes, renewals, restarts and failures of the API server', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary, { maxLength: 12 }), async (steps) => {
        const { harness } = await open();
        try {
          await fixture.synced();
          harness.issuer.otherCaPem = root(0).pem;
          const web = await fixture.publish('web');
          const model: Model = { rotations: new Map(), own: 0, isDown: false, kept: [] };
          for (const step of steps) {
            await carryOut(web, step, model);
            await fixture.updated(web);
            const concerning = [...model.rotations.values()].filter((list) => list.includes(model.own));
            if (!model.isDown) model.kept = concerning.flat();
            const trusted = fixture.trusted(web).map((f) => roots.findIndex(({ fingerprint }) => fingerprint === f));
            assert.deepEqual([...trusted].sort(), [...new Set([model.own, ...model.kept])].sort());
          }
        } finally {
          await fixture.close();
        }
      }),
      { numRuns: 60 },
    );
    await open();
  });
});
