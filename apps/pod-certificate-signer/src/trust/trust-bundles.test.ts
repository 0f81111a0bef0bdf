import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ApiRequest } from '@certfleet/shared/kube/api-client.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { caSecret } from '../testing/requests.ts';
import { TrustBundles } from './trust-bundles.ts';
import type { TrustedSigner } from './trust-bundles.ts';

const startMs = Date.parse('2026-11-30T00:00:00Z');
const times = { notBefore: new Date(startMs - 1000), notAfter: new Date(startMs + 1e11) };
const fieldManager = 'certfleet-pod-certificate-signer';
const ca = new X509Certificate(caSecret(times).certificatePem);

interface RawBundle {
  readonly apiVersion: string;
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly spec: { readonly signerName: string; readonly trustBundle: string };
}

/** An API server with one version of ClusterTrustBundles, or none. */
class Harness {
  readonly clock = new ManualClock(startMs);
  readonly bundles = new Map<string, RawBundle>();
  readonly lines: string[] = [];
  served: string | undefined = 'v1';
  refusal: CertfleetError | undefined;
  /** The API server's time, if it is another one. */
  serverMs: number | undefined;
  signers: readonly TrustedSigner[] = [];
  #version = 0;
  readonly trust = new TrustBundles({
    client: { request: (request) => Promise.try(() => this.#answer(request)) },
    clock: this.clock,
    log: createLogger(1, { write: (line: string) => this.lines.push(line) }),
    signers: () => this.signers,
  });

  #answer({ verb, resource, name = '', body, query }: ApiRequest): unknown {
    if (resource.version !== this.served)
      throw new CertfleetError('not-found', 'not served', { reason: 'ApiNotServed' });
    if (this.refusal !== undefined) throw this.refusal;
    const stored = this.bundles.get(name);
    if (verb === 'get') {
      if (stored === undefined) throw new CertfleetError('not-found', `no ${name}`, { reason: 'NotFound' });
      return stored;
    }
    const { dryRun, ...options } = query ?? {};
    assert.deepEqual([verb, options], ['apply', { fieldManager, force: 'true' }]);
    const { metadata, ...rest } = body as RawBundle;
    assert.equal(metadata.resourceVersion, stored?.metadata.resourceVersion);
    const time = new Date(this.serverMs ?? this.clock.now()).toISOString();
    if (dryRun === 'All')
      return { metadata: { managedFields: [{ manager: 'kubectl' }, { manager: fieldManager, time }] } };
    const resourceVersion = String((this.#version += 1));
    this.bundles.set(name, { ...rest, metadata: { ...metadata, resourceVersion } });
    return undefined;
  }
}

function signer(name: string, anchors: () => readonly X509Certificate[] = () => [ca]): TrustedSigner {
  const policy = { name, signerName: `example.com/${name}`, maxLifetimeSeconds: 3_600 };
  return { policy, trustAnchors: () => Promise.try(anchors) };
}

describe('TrustBundles', () => {
  test('writes a bundle for each signer that it has, and nothing while it is right', async () => {
    const harness = new Harness();
    harness.trust.start();
    await harness.clock.advance(10_000);
    assert.equal(harness.bundles.size, 0);
    harness.signers = [signer('one'), signer('two'), signer('unknown', () => [])];
    await harness.clock.advance(10_000);
    assert.deepEqual([...harness.bundles.keys()], ['example.com:one:certfleet', 'example.com:two:certfleet']);
    const { spec, apiVersion } = harness.bundles.get('example.com:one:certfleet') ?? {};
    assert.deepEqual([spec?.signerName, apiVersion], ['example.com/one', 'certificates.k8s.io/v1']);
    assert.equal(new X509Certificate(spec?.trustBundle ?? '').fingerprint256, ca.fingerprint256);
    const written = JSON.stringify([...harness.bundles]);
    await harness.clock.advance(60_000);
    assert.equal(JSON.stringify([...harness.bundles]), written);
    await harness.trust.stop();
    assert.equal(harness.clock.timers, 0);
  });

  test('a failure of one signer neither affects the others nor repeats in the log', async () => {
    const harness = new Harness();
    const broken = (): never => {
      throw new CertfleetError('failed-precondition', 'Secret certfleet/ca: not there');
    };
    harness.signers = [signer('broken', broken), signer('fine')];
    harness.trust.start();
    await harness.clock.advance(60_000);
    assert.deepEqual([...harness.bundles.keys()], ['example.com:fine:certfleet']);
    assert.equal(harness.lines.filter((line) => line.includes('not there')).length, 1);
    await harness.trust.stop();
  });

  test('uses the version that is served, and writes when the API server answers again', async () => {
    const harness = new Harness();
    harness.signers = [signer('one')];
    harness.served = undefined;
    harness.trust.start();
    await harness.clock.advance(20_000);
    assert.match(harness.lines.join(), /serves no ClusterTrustBundles/);
    harness.served = 'v1beta1';
    harness.refusal = new CertfleetError('permission-denied', 'no right to attest');
    await harness.clock.advance(20_000);
    assert.match(harness.lines.join(), /no right to attest/);
    harness.refusal = undefined;
    await harness.clock.advance(10_000);
    assert.equal(harness.bundles.get('example.com:one:certfleet')?.apiVersion, 'certificates.k8s.io/v1beta1');
    await harness.trust.stop();
  });

  test('removes no CA while the clocks of node and API server differ', async () => {
    const harness = new Harness();
    const next = new X509Certificate(caSecret(times).certificatePem);
    const count = (): number | undefined =>
      harness.bundles.get('example.com:one:certfleet')?.spec.trustBundle.match(/BEGIN/g)?.length;
    harness.signers = [signer('one')];
    harness.trust.start();
    await harness.clock.advance(10_000);
    harness.signers = [signer('one', () => [next])];
    await harness.clock.advance(10_000);
    assert.equal(count(), 2);
    // The clock of this node is ahead: after the end of the last certificate, only by it.
    harness.serverMs = startMs + 20_000;
    await harness.clock.advance(3 * 3_600_000);
    assert.equal(count(), 2);
    assert.equal(harness.lines.filter((line) => line.includes('an earlier CA is not removed')).length, 1);
    harness.serverMs = undefined;
    await harness.clock.advance(10_000);
    assert.equal(count(), 1);
    await harness.trust.stop();
  });
});
