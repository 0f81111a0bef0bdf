import assert from 'node:assert/strict';
import { hash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { TestAuthority } from '../../../../e2e/support/test-authority.ts';
import { reportOf } from '../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf } from '../fleet-index/model/indexed-volume.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { FleetView } from '../fleet-index/view/fleet-view.ts';
import { FileIntentStore } from '../intent/file-intent-store.ts';
import { FleetCas } from './fleet-cas.ts';
import { isProposed } from './rotation-object.ts';
import type { RotationObject } from './rotation-object.ts';
import { overlappingRotation } from './overlapping-rotation.ts';
import { RotationProposer } from './rotation-proposer.ts';
import type { CaChangeAction } from './rotation-proposer.ts';

const directory = mkdtempSync(join(tmpdir(), 'certfleet-proposer-'));
after(() => rmSync(directory, { recursive: true }));
const startMs = Date.parse('2026-03-01T12:00:00Z');
const pems = ['a', 'b', 'c'].map((name) =>
  readFileSync(new TestAuthority(directory, name).files.certificateFile, 'utf8'),
);
const [a = '', b = '', c = ''] = pems;
const printOf = (pem: string): string => hash('sha256', new X509Certificate(pem).raw, 'hex');
const log = createLogger(0, { write: () => undefined });

/** A fleet of two nodes, of which replicas propose rotations. */
class ProposerFixture {
  readonly store: FileIntentStore;
  readonly events: string[] = [];
  readonly audited: string[] = [];
  readonly remembered = new Set<string>();
  readonly clock = new ManualClock(startMs);
  readonly #view = new FleetView();
  readonly #nodes = new Map<string, Map<string, IndexedVolume>>();
  ageMs = 3_600_000;
  doAgentsAnswer = true;

  private constructor() {
    const path = mkdtempSync(join(directory, 'objects-'));
    this.store = new FileIntentStore({ directory: path, clock: this.clock, log });
  }

  static async open(t: TestContext): Promise<ProposerFixture> {
    const fixture = new ProposerFixture();
    await fixture.store.start();
    t.after(() => fixture.store.stop());
    return fixture;
  }

  /** The certificates of an issuer, as PEM of the CA, node and hour of the not-before. */
  report(issued: readonly (readonly [ca: string, node: string, hour: number])[], issuer = 'ca'): void {
    for (const [i, [ca, node, hour]] of issued.entries()) {
      const id = `${issuer}-${node}-${i}`;
      const volume = indexedVolumeOf(node, reportOf({ id, issuer, caFingerprint: printOf(ca) }));
      const ofNode = this.#nodes.get(node) ?? new Map<string, IndexedVolume>();
      this.#nodes.set(node, ofNode.set(id, at(volume, hour)));
    }
    for (const [node, volumes] of this.#nodes)
      this.#view.replaceNode(node, { agentVersion: '1', connectedTo: '' }, new Map(volumes));
  }

  /** Looks once, as a replica that has just started. */
  async detect(action: CaChangeAction = 'propose'): Promise<void> {
    await this.#proposer(action).detect();
  }

  get proposed(): readonly RotationObject[] {
    return this.store.list('CARotation').filter(isProposed);
  }

  #proposer(action: CaChangeAction): RotationProposer {
    return new RotationProposer({
      action,
      store: this.store,
      view: () => this.#view,
      isViewCurrent: () => true,
      readIndex: () => Promise.resolve({ nowMs: startMs, ageMs: this.ageMs, isComplete: () => true, incomplete: [] }),
      fleetCas: new FleetCas({
        view: () => this.#view,
        describeVolume: () =>
          this.doAgentsAnswer
            ? Promise.resolve({ ca: pems.map((pem) => new X509Certificate(pem).raw) })
            : Promise.reject(new Error('no agent answers')),
        ...{ clock: this.clock, silentAfterMs: 30_000 },
      }),
      memory: {
        has: (name) => Promise.resolve(this.remembered.has(name)),
        remember: (name) => Promise.resolve(void this.remembered.add(name)),
      },
      recordEvent: (_object, { reason, message }) => this.events.push(`${reason}: ${message}`),
      audit: {
        write: ({ who, action: what }) => {
          this.audited.push(`${who} ${what}`);
          return Promise.resolve();
        },
      },
      announce: () => Promise.resolve(),
      ...{ clock: this.clock, logger: log, silentAfterMs: 30_000 },
    });
  }
}

function at(volume: IndexedVolume, hour: number): IndexedVolume {
  assert.ok(volume.certificate);
  return { ...volume, certificate: { ...volume.certificate, notBeforeMs: startMs + hour * 3_600_000 } };
}

const switched = [
  [a, 'n1', 0],
  [a, 'n2', 0],
  [b, 'n1', 1],
  [b, 'n2', 2],
] as const;

describe('RotationProposer', () => {
  test('proposes one suspended rotation with both roots for all issuers of the same CAs', async (t) => {
    const fleet = await ProposerFixture.open(t);
    fleet.report(switched);
    fleet.report(switched, 'other');
    await fleet.detect();
    await fleet.detect();
    const [object, ...more] = fleet.proposed;
    assert.ok(object);
    assert.deepEqual(more, []);
    const { from, to, suspend, holdBefore, reason } = object.spec;
    assert.deepEqual(
      [from.certificate, to.certificate].map((pem) => printOf(pem ?? '')),
      [printOf(a), printOf(b)],
    );
    assert.deepEqual([suspend, holdBefore], [true, ['Retire']]);
    assert.match(
      reason,
      /^ClusterIssuer\.cert-manager\.io\/\/ca and 1 more issuers sign with another CA since 2026-03-01T13:00:00Z$/,
    );
    assert.deepEqual([fleet.events.length, fleet.audited], [1, ['certfleet rotate']]);
  });

  test('starts the rotation if that is configured and several nodes report the new CA', async (t) => {
    const fleet = await ProposerFixture.open(t);
    fleet.report(switched);
    await fleet.detect('start');
    assert.deepEqual(
      fleet.store.list('CARotation').map(({ spec }) => spec.suspend ?? false),
      [false],
    );
    const alone = await ProposerFixture.open(t);
    alone.report([
      [a, 'n1', 0],
      [b, 'n1', 1],
    ]);
    await alone.detect('start');
    assert.equal(alone.proposed.length, 1);
  });

  test('does not repeat a proposal that was deleted, also after a restart, or rejected', async (t) => {
    const fleet = await ProposerFixture.open(t);
    fleet.report(switched);
    await fleet.detect();
    const [{ metadata } = { metadata: { name: '' } }] = fleet.proposed;
    await fleet.store.delete('CARotation', metadata.name);
    await fleet.detect();
    await fleet.detect('start');
    assert.deepEqual(fleet.store.list('CARotation'), []);
    const rejected = await ProposerFixture.open(t);
    rejected.report(switched);
    await rejected.detect();
    await rejected.store.patchSpec('CARotation', metadata.name, { rollback: true, suspend: null });
    rejected.remembered.clear();
    await rejected.detect();
    assert.equal(rejected.store.list('CARotation').length, 1);
  });

  test('proposes each direction once if the CAs take turns for hours', async (t) => {
    const fleet = await ProposerFixture.open(t);
    for (const hour of [0, 4, 8, 12, 16]) {
      fleet.report([
        [a, 'n1', hour],
        [a, 'n2', hour],
        [b, 'n1', hour + 1],
        [b, 'n2', hour + 1],
      ]);
      await fleet.detect();
      fleet.report([
        [a, 'n1', hour + 2],
        [a, 'n2', hour + 2],
      ]);
      for (const { metadata } of fleet.proposed) await fleet.store.delete('CARotation', metadata.name);
      await fleet.detect();
      for (const { metadata } of fleet.proposed) await fleet.store.delete('CARotation', metadata.name);
    }
    assert.equal(fleet.events.length, 2);
  });

  test('proposes nothing while a rotation has one of the CAs, or after it has replaced the same one', async (t) => {
    const fleet = await ProposerFixture.open(t);
    fleet.report(switched);
    fleet.ageMs = 0;
    await fleet.detect();
    fleet.ageMs = 3_600_000;
    const spec = { from: { certificate: b }, to: { certificate: c }, reason: 'test' };
    const other = await fleet.store.create('CARotation', { name: 'other', spec });
    await fleet.detect();
    await fleet.store.updateStatus('CARotation', other, { phase: 'Completed' });
    const same = await fleet.store.create('CARotation', {
      name: 'same',
      spec: { ...spec, from: { certificate: a }, to: { certificate: b } },
    });
    await fleet.store.updateStatus('CARotation', same, { phase: 'Completed' });
    await fleet.detect();
    assert.deepEqual(fleet.events, []);
    await fleet.store.delete('CARotation', 'same');
    await fleet.detect();
    assert.equal(fleet.proposed.length, 1);
  });

  test('withdraws a proposal that nobody has accepted when another rotation replaces the same CA', async (t) => {
    const fleet = await ProposerFixture.open(t);
    fleet.report(switched);
    await fleet.detect();
    const [proposal] = fleet.proposed;
    assert.ok(proposal);
    const spec = { from: { certificate: a }, to: { certificate: b }, reason: 'test' };
    const own = await fleet.store.create('CARotation', { name: 'own', spec });
    // It does not wait for the proposal.
    assert.equal(overlappingRotation(own, fleet.store.list('CARotation')), undefined);
    assert.equal(overlappingRotation(proposal, fleet.store.list('CARotation')), 'own');
    await fleet.detect();
    await fleet.detect();
    assert.deepEqual(
      fleet.store.list('CARotation').map(({ metadata }) => metadata.name),
      ['own'],
    );
  });

  test('waits for an agent that sends the certificates', async (t) => {
    const fleet = await ProposerFixture.open(t);
    fleet.report(switched);
    fleet.doAgentsAnswer = false;
    await assert.rejects(fleet.detect(), { code: 'unavailable', message: /no agent answers/ });
    assert.deepEqual(fleet.store.list('CARotation'), []);
    fleet.doAgentsAnswer = true;
    await fleet.clock.advance(15_000);
    await fleet.detect();
    assert.equal(fleet.proposed.length, 1);
  });
});
