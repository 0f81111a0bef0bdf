import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { IssuerNames } from './issuer-names.ts';
import type { IssuerReporter, NamedCandidate } from './issuer-names.ts';

/** A fleet of issuers and the nodes that report them. */
class Fleet {
  readonly #candidates = new Map<string, NamedCandidate>();
  readonly #reporters = new Map<string, IssuerReporter>();
  readonly #nodes: number;

  constructor(nodes: number) {
    this.#nodes = nodes;
  }

  add(key: string, reporter: IssuerReporter, of: Partial<NamedCandidate> = {}): this {
    this.#candidates.set(key, { key, trouble: 0, size: 1, ...of });
    this.#reporters.set(key, reporter);
    return this;
  }

  choose(names: IssuerNames): ReadonlySet<string> {
    return names.choose([...this.#candidates.values()], { byIssuer: this.#reporters, nodes: this.#nodes });
  }
}

const shared = { node: 'node-a', isShared: true };
const evil = { node: 'node-evil', isShared: false };

describe('IssuerNames', () => {
  test('limits the series of a node with made-up issuers and keeps those of other nodes', async () => {
    const clock = new ManualClock(0);
    const names = new IssuerNames(clock);
    const seen = new Set<string>();
    for (let round = 0; round < 50; round += 1) {
      const fleet = new Fleet(100)
        .add('production', shared)
        .add('small', { node: 'node-b', isShared: false }, { trouble: 1 });
      for (let i = 0; i < 300; i += 1) fleet.add(`made-up-${round}-${i}`, evil, { trouble: 1, size: 100 });
      const shown = fleet.choose(names);
      assert.ok(shown.has('production') && shown.has('small'));
      for (const name of shown) seen.add(name);
      await clock.advance(60_000);
    }
    assert.ok(seen.size <= 2 + 5, `${seen.size} names`);
  });

  test('prefers issuers of several nodes, then issuers with problems', () => {
    const names = new IssuerNames(new ManualClock(0));
    const fleet = new Fleet(100);
    for (let i = 0; i < 60; i += 1) fleet.add(`single-${i}`, { node: `node-${i}`, isShared: false }, { size: 100 });
    assert.equal(fleet.choose(names).size, 50);
    for (let i = 0; i < 50; i += 1) fleet.add(`shared-${i}`, shared, { size: 10 });
    assert.ok([...fleet.choose(names)].every((name) => name.startsWith('shared')));
    fleet.add('broken', shared, { trouble: 1 });
    const shown = fleet.choose(names);
    assert.ok(shown.has('broken'));
    assert.equal(shown.size, 50);
  });

  test('keeps a named issuer when new ones of its kind appear', () => {
    const names = new IssuerNames(new ManualClock(0));
    const fleet = new Fleet(100);
    for (let i = 0; i < 50; i += 1) fleet.add(`early-${i}`, shared);
    const before = [...fleet.choose(names)].sort();
    for (let i = 0; i < 50; i += 1) fleet.add(`late-${i}`, shared, { size: 1_000 });
    assert.deepEqual([...fleet.choose(names)].sort(), before);
  });

  test('names the issuers of a fleet with one node', () => {
    const names = new IssuerNames(new ManualClock(0));
    const fleet = new Fleet(1);
    for (let i = 0; i < 60; i += 1) fleet.add(`issuer-${i}`, { node: 'node-a', isShared: false });
    assert.equal(fleet.choose(names).size, 50);
  });
});
