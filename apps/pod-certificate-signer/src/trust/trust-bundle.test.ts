import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { bundleName, parseBundle } from '@certfleet/shared/kube/signer-trust-bundle.ts';
import type { StoredBundle } from '@certfleet/shared/kube/signer-trust-bundle.ts';
import { caSecret } from '../testing/requests.ts';
import { wantedBundle } from './trust-bundle.ts';
import type { WantedBundle } from './trust-bundle.ts';

const startMs = Date.parse('2026-11-30T00:00:00Z');
const [hour, day] = [3_600_000, 86_400_000];

function caUntil(commonName: string, notAfterMs: number): X509Certificate {
  const times = { notBefore: new Date(startMs - day), notAfter: new Date(notAfterMs) };
  return new X509Certificate(caSecret(times, { commonName }).certificatePem);
}

const [first, second] = [caUntil('first', startMs + 1_000 * day), caUntil('second', startMs + 1_000 * day)];

const storedAs = ({ trustBundle, annotations }: WantedBundle): StoredBundle =>
  parseBundle({ metadata: { resourceVersion: '7', annotations }, spec: { trustBundle } });

const namesIn = (bundle: WantedBundle | StoredBundle | undefined): readonly string[] => {
  if (bundle === undefined) return [];
  const { anchors } = 'anchors' in bundle ? bundle : storedAs(bundle);
  return anchors.map(({ subject }) => subject.replace('CN=', '')).sort();
};

/** The bundle of a signer over time. */
class Bundle {
  stored: StoredBundle | undefined;
  maxLifetimeSeconds = 86_400;
  writes = 0;

  /** Reconciles at that time; the names of the CAs in the bundle then. */
  at(nowMs: number, ...current: readonly X509Certificate[]): readonly string[] {
    const { stored, maxLifetimeSeconds } = this;
    const wanted = wantedBundle({ current, stored, maxLifetimeSeconds, nowMs });
    if (wanted !== undefined) {
      this.stored = storedAs(wanted);
      this.writes += 1;
    }
    return namesIn(this.stored);
  }
}

describe('bundleName', () => {
  test('begins with the signer name, as Kubernetes requires', () => {
    assert.equal(bundleName('example.com/internal'), 'example.com:internal:certfleet');
  });
});

describe('wantedBundle', () => {
  test('has the CA of the signer, and is written seldom', () => {
    const bundle = new Bundle();
    assert.deepEqual(bundle.at(startMs, first), ['first']);
    for (let ms = 0; ms < day; ms += 10_000) bundle.at(startMs + ms, first);
    assert.ok(bundle.writes <= 25, `${bundle.writes} writes`);
  });

  test('keeps a replaced CA until the last certificate of it has ended, also after a shorter lifetime was set', () => {
    const bundle = new Bundle();
    let ms = startMs;
    for (; ms < startMs + 3 * day; ms += hour / 2) bundle.at(ms, first);
    bundle.maxLifetimeSeconds = 3_600;
    // A certificate of the first CA may have been signed until now, for a day.
    const lastEndMs = ms + day;
    for (; ms < lastEndMs; ms += hour / 2) assert.deepEqual(bundle.at(ms, second), ['first', 'second']);
    assert.deepEqual(bundle.at(lastEndMs + 3 * hour, second), ['second']);
  });

  test('covers what is signed until the next write, when writes fail for a while', () => {
    const bundle = new Bundle();
    for (let ms = startMs; ms < startMs + 2 * day; ms += 10_000) {
      bundle.at(ms, first);
      const until = Date.parse(bundle.stored?.neededUntil[first.fingerprint256] ?? '');
      assert.ok(until >= ms + day + hour / 2);
    }
  });

  test('keeps a CA without a time for the longest lifetime of the API, or until it expires', () => {
    const added = caUntil('added', startMs + 1_000 * day);
    const short = caUntil('short', startMs + 10 * day);
    const bundle = new Bundle();
    bundle.stored = parseBundle({
      metadata: { resourceVersion: '1', annotations: { 'certfleet.io/needed-until': 'no JSON' } },
      spec: { trustBundle: `# of an administrator\n${added.toString()}${short.toString()}` },
    });
    assert.deepEqual(bundle.at(startMs, first), ['added', 'first', 'short']);
    assert.deepEqual(bundle.at(startMs + 11 * day, first), ['added', 'first']);
    assert.deepEqual(bundle.at(startMs + 90 * day, first), ['added', 'first']);
    assert.deepEqual(bundle.at(startMs + 92 * day, first), ['first']);
  });

  test('is never empty, and needs no CA longer than the CA is valid', () => {
    const short = caUntil('short', startMs + day);
    const bundle = new Bundle();
    assert.deepEqual(bundle.at(startMs, short), ['short']);
    assert.equal(bundle.stored?.neededUntil[short.fingerprint256], new Date(startMs + day).toISOString());
    assert.deepEqual(bundle.at(startMs + 2 * day, short), ['short']);
    assert.deepEqual(bundle.at(startMs + 2 * day, first), ['first']);
    assert.equal(wantedBundle({ current: [], stored: undefined, maxLifetimeSeconds: 1, nowMs: startMs }), undefined);
  });

  test('uses a CA again that was replaced', () => {
    const bundle = new Bundle();
    bundle.at(startMs, first);
    bundle.at(startMs + hour, second);
    bundle.at(startMs + day, first);
    assert.deepEqual(bundle.at(startMs + 1.1 * day, first), ['first', 'second']);
    assert.deepEqual(bundle.at(startMs + 3 * day, first), ['first']);
  });
});
