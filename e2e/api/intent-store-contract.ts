// What every IntentStore must do, against the real thing behind it.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import type { ObjectOf } from '../../apps/renewal-controller/src/intent/intent-kinds.ts';
import type { IntentChange, IntentStore } from '../../apps/renewal-controller/src/intent/intent-store.ts';
import { CertfleetError } from '../../libs/shared/src/errors.ts';

/** A store under test. `another` follows the same source, as another replica or a later start does. */
export interface StoreUnderTest {
  readonly store: IntentStore;
  readonly another: () => Promise<IntentStore>;
}

const freshName = (): string => `p-${randomUUID()}`;
const fails =
  (code: string, message = /./) =>
  (thrown: unknown): boolean => {
    assert.ok(thrown instanceof CertfleetError, String(thrown));
    assert.equal(thrown.code, code, thrown.message);
    assert.match(thrown.message, message);
    return true;
  };

/** Resolves with the first policy of that name that is as expected, or undefined for its absence. */
export async function seen(
  store: IntentStore,
  name: string,
  isExpected: (policy: ObjectOf<'LanePolicy'> | undefined) => boolean,
): Promise<ObjectOf<'LanePolicy'> | undefined> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const isSeen = (): boolean => isExpected(store.find('LanePolicy', name));
  const end = store.onChange('LanePolicy', () => isSeen() && resolve());
  if (isSeen()) resolve();
  await promise;
  end();
  return store.find('LanePolicy', name);
}

const selection = { namespace: 'shop' };

/** Registers the tests. */
export function intentStoreContract(underTest: () => StoreUnderTest): void {
  test('an acknowledged write is in the cache, and in a store that starts later', async () => {
    const { store, another } = underTest();
    const name = freshName();
    const spec = { issuers: ['*/ca'], paused: true, pauseReason: 'maintenance', ratePerSecond: 0.5 };
    const created = await store.create('LanePolicy', { name, labels: { team: 'pki' }, spec });
    assert.deepEqual(store.find('LanePolicy', name), created);
    assert.deepEqual([created.spec, created.metadata.labels, created.metadata.generation], [spec, { team: 'pki' }, 1]);
    assert.deepEqual(await store.get('LanePolicy', name), created);
    const later = await another();
    assert.deepEqual(later.find('LanePolicy', name), created);
    assert.equal(later.problem('LanePolicy'), undefined);
    await later.stop();
  });

  test('a merge patch changes and removes fields of the spec, and increases the generation', async () => {
    const { store } = underTest();
    const name = freshName();
    await store.create('LanePolicy', { name, spec: { issuers: ['a'], burst: 3, paused: true, pauseReason: 'x' } });
    const patched = await store.patchSpec('LanePolicy', name, { paused: false, pauseReason: null, maxInFlight: 9 });
    assert.deepEqual(patched.spec, { issuers: ['a'], burst: 3, paused: false, maxInFlight: 9 });
    assert.equal(patched.metadata.generation, 2);
    assert.deepEqual(store.find('LanePolicy', name), patched);
  });

  test('an outdated version is a conflict, for spec and status', async () => {
    const { store } = underTest();
    const name = freshName();
    const first = await store.create('LanePolicy', { name, spec: { issuers: ['a'] } });
    const { resourceVersion } = first.metadata;
    const second = await store.patchSpec('LanePolicy', name, { burst: 2 }, { resourceVersion });
    await assert.rejects(store.patchSpec('LanePolicy', name, { burst: 3 }, { resourceVersion }), fails('aborted'));
    await assert.rejects(store.updateStatus('LanePolicy', first, { lanes: 1 }), fails('aborted'));
    const third = await store.updateStatus('LanePolicy', second, { lanes: 2, waiting: 7 });
    assert.deepEqual(
      [third.status, third.spec, third.metadata.generation],
      [{ lanes: 2, waiting: 7 }, { issuers: ['a'], burst: 2 }, 2],
    );
    const fourth = await store.updateStatus('LanePolicy', third, { lanes: 3 });
    assert.deepEqual(fourth.status, { lanes: 3 }, 'a status is replaced, not merged');
  });

  test('a write of the spec never changes the status, nor the reverse', async () => {
    const { store } = underTest();
    const name = freshName();
    const created = await store.create('LanePolicy', { name, spec: { issuers: ['a'], burst: 1 } });
    const stolen = { ...created, spec: { issuers: ['*'], burst: 100 } };
    const { spec, metadata } = await store.updateStatus('LanePolicy', stolen, { lanes: 1 });
    assert.deepEqual([spec, metadata.generation], [{ issuers: ['a'], burst: 1 }, 1]);
    assert.deepEqual((await store.patchSpec('LanePolicy', name, { burst: 2 })).status, { lanes: 1 });
  });

  test('names are unique until the object is deleted, and a delete can be limited to one object', async () => {
    const { store } = underTest();
    const name = freshName();
    const { metadata } = await store.create('LanePolicy', { name, spec: { issuers: ['a'] } });
    await assert.rejects(store.create('LanePolicy', { name, spec: { issuers: ['b'] } }), fails('already-exists'));
    await assert.rejects(store.delete('LanePolicy', name, randomUUID()), fails('aborted'));
    await store.delete('LanePolicy', name, metadata.uid);
    assert.equal(store.find('LanePolicy', name), undefined);
    await assert.rejects(store.get('LanePolicy', name), fails('not-found'));
    await assert.rejects(store.patchSpec('LanePolicy', name, { burst: 1 }), fails('not-found'));
    await assert.rejects(store.delete('LanePolicy', name), fails('not-found'));
    const successor = await store.create('LanePolicy', { name, spec: { issuers: ['b'] } });
    assert.notEqual(successor.metadata.uid, metadata.uid);
    assert.deepEqual(store.find('LanePolicy', name), successor);
  });

  test('listeners see each state of an object once, in order', async () => {
    const { store } = underTest();
    const name = freshName();
    const changes: IntentChange<'LanePolicy'>[] = [];
    const end = store.onChange('LanePolicy', (change) => {
      if ((change.current ?? change.previous)?.metadata.name === name) changes.push(change);
    });
    await store.create('LanePolicy', { name, spec: { issuers: ['a'], burst: 1 } });
    await store.patchSpec('LanePolicy', name, { burst: 2 });
    await store.delete('LanePolicy', name);
    // Another object's event comes after all events of this one.
    const last = freshName();
    await store.create('LanePolicy', { name: last, spec: { issuers: ['a'] } });
    await seen(store, last, (policy) => policy !== undefined);
    end();
    const bursts = changes.map(({ previous, current }) => [previous?.spec.burst, current?.spec.burst]);
    assert.deepEqual(bursts, [
      [undefined, 1],
      [1, 2],
      [2, undefined],
    ]);
  });

  const invalid: readonly (readonly [string, object, RegExp])[] = [
    ['a misspelt field', { issuers: ['a'], ratePerSec: 1 }, /ratePerSec/],
    ['no issuer', { issuers: [] }, /issuers/],
    ['a negative rate', { issuers: ['a'], ratePerSecond: -1 }, /ratePerSecond/],
    ['a fraction', { issuers: ['a'], burst: 1.5 }, /burst/],
    ['a pause without a reason', { issuers: ['a'], paused: true }, /pauseReason/],
    ['a back-off that shrinks', { issuers: ['a'], backoff: { threshold: 1, initialMs: 5, maxMs: 2 } }, /maxMs/],
    ['a cron expression of two fields', { issuers: ['a'], windows: [{ cron: '1 2', durationMs: 5 }] }, /cron/],
    ['a pause time that is none', { issuers: ['a'], pausedAt: 'yesterday' }, /pausedAt/],
  ];
  for (const [what, spec, message] of invalid) {
    test(`rejects a LanePolicy with ${what}`, async () => {
      const { store } = underTest();
      const name = freshName();
      const create = store.create('LanePolicy', { name, spec: spec as never });
      await assert.rejects(create, fails('invalid-argument', message));
      assert.equal(store.find('LanePolicy', name), undefined);
    });
  }

  test('a patch must leave a valid spec', async () => {
    const { store } = underTest();
    const name = freshName();
    await store.create('LanePolicy', { name, spec: { issuers: ['a'], paused: true, pauseReason: 'x' } });
    const patch = store.patchSpec('LanePolicy', name, { pauseReason: null });
    await assert.rejects(patch, fails('invalid-argument', /pauseReason/));
    assert.equal((await store.get('LanePolicy', name)).spec.pauseReason, 'x');
  });

  test('a Renewal selects something, and only its suspension and lifetime change', async () => {
    const { store } = underTest();
    const name = freshName();
    const create = (spec: object): Promise<unknown> => store.create('Renewal', { name, spec: spec as never });
    await assert.rejects(create({ selection: {}, reason: 'r' }), fails('invalid-argument', /everything/));
    await assert.rejects(
      create({ selection: { status: ['bogus'] }, reason: 'r' }),
      fails('invalid-argument', /status/),
    );
    await assert.rejects(create({ selection }), fails('invalid-argument', /reason/));
    const volumes = Array.from({ length: 1_000 }, (_, i) => ({ node: 'n'.repeat(250), volumeId: `csi-${i}` }));
    await create({ selection: { ...selection, volumes }, reason: 'r', ttlSecondsAfterFinished: 60 });
    const changed = await store.patchSpec('Renewal', name, { suspend: true, ttlSecondsAfterFinished: 5 });
    assert.deepEqual([changed.spec.suspend, changed.spec.ttlSecondsAfterFinished], [true, 5]);
    await store.patchSpec('Renewal', name, { suspend: null, ttlSecondsAfterFinished: null });
    const immutable: readonly object[] = [
      { selection: { namespace: 'bank' } },
      { selection: { volumes: null } },
      { reason: 'other' },
      { requester: 'mallory' },
      { dryRun: true },
      { ignoreWindows: true },
    ];
    for (const patch of immutable) {
      await assert.rejects(store.patchSpec('Renewal', name, patch), fails('invalid-argument', /immutable/));
    }
    await store.create('Renewal', { name: freshName(), spec: { selection: { everything: true }, reason: 'all' } });
    const weak = {
      ...{ workload: 'Deployment/web', label: 'team=pay*, example.com/owner=x' },
      ...{ rsaBelow: '3072', signature: '*sha1*', lifetimeOver: '90d', isCa: true, usage: 'server auth' },
      requestedOver: '24h',
      ...{ renewsAfter: '2026-01-01T00:00:00Z', expiresAfter: '2026-01-01T00:00:00Z' },
      issuedAfter: '2026-01-01T00:00:00Z',
    };
    const { spec } = await store.create('Renewal', { name: freshName(), spec: { selection: weak, reason: 'weak' } });
    assert.deepEqual(spec.selection, weak);
    for (const bad of [{ label: 'team' }, { rsaBelow: 'many' }, { lifetimeOver: '90' }, { requestedOver: '1y' }]) {
      const [field = ''] = Object.keys(bad);
      await assert.rejects(create({ selection: bad, reason: 'r' }), fails('invalid-argument', new RegExp(field)));
    }
  });

  test('a CARotation has certificates, which never change, and a rollback is final', async () => {
    const { store } = underTest();
    const name = freshName();
    const pem = (text: string) => ({
      certificate: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
    });
    const spec = { from: pem('a'), to: pem('b'), reason: 'r', maxFailures: '5%', maxNotLoaded: 3 };
    const create = (changed: object): Promise<unknown> =>
      store.create('CARotation', { name, spec: { ...spec, ...changed } });
    const invalid: readonly (readonly [object, RegExp])[] = [
      [{ from: { certificate: 'x' } }, /PEM/],
      [{ from: { fingerprint: 'AB'.repeat(32) } }, /fingerprint/],
      [{ from: {} }, /exactly one of certificate, fingerprint, issuer/],
      [{ from: { ...spec.from, issuer: 'ClusterIssuer.cert-manager.io//a' } }, /exactly one/],
      [{ to: { issuer: 'ClusterIssuer.cert-manager.io//a' } }, /issuer/],
      [{ from: { fingerprint: 'ab'.repeat(32) }, to: { fingerprint: 'ab'.repeat(32) } }, /differ/],
      [{ to: { certificate: `${pem('b').certificate}-----BEGIN PRIVATE KEY-----` } }, /private key/],
      [{ to: spec.from }, /differ/],
      [{ selection: {} }, /criterion/],
      [{ maxFailures: 'many' }, /maxFailures/],
      [{ holdBefore: ['Trust'] }, /holdBefore/],
    ];
    for (const [changed, message] of invalid) await assert.rejects(create(changed), fails('invalid-argument', message));
    await create({ holdBefore: ['Retire'] });
    await store.patchSpec('CARotation', name, { approved: ['Retire'], suspend: true, rollback: true });
    const immutable = [{ from: pem('c') }, { selection: { namespace: 'shop' } }, { reason: 'other' }];
    for (const patch of immutable)
      await assert.rejects(store.patchSpec('CARotation', name, patch), fails('invalid-argument', /immutable/));
    await assert.rejects(
      store.patchSpec('CARotation', name, { rollback: null }),
      fails('invalid-argument', /rollback/),
    );
    await store.delete('CARotation', name);
    const byPrint = { ...spec, from: { fingerprint: 'ab'.repeat(32) } };
    await store.create('CARotation', { name: `${name}-ca`, spec: byPrint });
    await assert.rejects(
      store.patchSpec('CARotation', `${name}-ca`, { from: { fingerprint: 'cd'.repeat(32) } }),
      fails('invalid-argument', /immutable/),
    );
    await store.delete('CARotation', `${name}-ca`);
  });

  test('an object with a finalizer exists after its deletion until the finalizer is removed', async () => {
    const { store, another } = underTest();
    const name = freshName();
    const created = await store.create('Renewal', { name, spec: { selection, reason: 'r' } });
    const held = await store.setFinalizers('Renewal', created, ['certfleet.io/test']);
    await assert.rejects(store.setFinalizers('Renewal', created, []), fails('aborted'));
    assert.deepEqual(held?.metadata.finalizers, ['certfleet.io/test']);
    await store.delete('Renewal', name);
    const deleted = await store.get('Renewal', name);
    assert.ok(deleted.metadata.deletionTimestamp !== undefined);
    const later = await another();
    assert.deepEqual(later.find('Renewal', name), deleted);
    await later.stop();
    const changed = await store.patchSpec('Renewal', name, { suspend: true });
    assert.equal(await store.setFinalizers('Renewal', changed, []), undefined);
    await assert.rejects(store.get('Renewal', name), fails('not-found'));
    assert.equal(store.find('Renewal', name), undefined);
  });

  test('refuses names that are none, and keeps a legal one with dots', async () => {
    const { store } = underTest();
    for (const name of ['', '..', '../../etc', 'a/b', 'A', 'a..b', 'x'.repeat(254), '.a', 'a\n']) {
      await assert.rejects(store.create('LanePolicy', { name, spec: { issuers: ['a'] } }), fails('invalid-argument'));
      await assert.rejects(store.get('LanePolicy', name), fails('invalid-argument'));
    }
    const name = `a.b-${randomUUID()}`;
    await store.create('LanePolicy', { name, spec: { issuers: ['a'] } });
    assert.ok(store.find('LanePolicy', name));
  });

  test('the list is ordered by name', async () => {
    const { store } = underTest();
    const prefix = freshName();
    for (const suffix of ['b', 'c', 'a']) {
      await store.create('LanePolicy', { name: `${prefix}-${suffix}`, spec: { issuers: ['a'] } });
    }
    const names = store.list('LanePolicy').map(({ metadata }) => metadata.name);
    assert.deepEqual(
      names.filter((name) => name.startsWith(prefix)),
      ['a', 'b', 'c'].map((suffix) => `${prefix}-${suffix}`),
    );
  });
}
