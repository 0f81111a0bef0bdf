import assert from 'node:assert/strict';
import { certificatesOf } from '../../crypto/ca-certificates.ts';
import type { TestRoot } from '../../crypto/testing/test-roots.ts';
import { VolumeTestHarness } from '../../volume/testing/volume-test-harness.ts';
import { FakeTrustApi } from './fake-trust-api.ts';

/** A rotation's trust, with the roots and the CAs that it concerns. */
export interface RotationSketch {
  readonly name?: string;
  readonly state?: string;
  readonly certificates: readonly TestRoot[];
  /** Default: the certificates. */
  readonly concerned?: readonly string[];
  readonly remove?: readonly string[];
}

/** A node whose volumes have sources of additional trust. */
export class TrustFixture {
  readonly api: FakeTrustApi;
  readonly harness: VolumeTestHarness;

  private constructor(api: FakeTrustApi, harness: VolumeTestHarness) {
    this.api = api;
    this.harness = harness;
  }

  static async open(): Promise<TrustFixture> {
    const api = new FakeTrustApi();
    return new TrustFixture(api, await VolumeTestHarness.open({ trustApi: api }));
  }

  async close(): Promise<void> {
    await this.harness.stop();
    this.harness.remove();
  }

  /** Resolves once the agent watches the CARotations. */
  async synced(): Promise<void> {
    await until(() => this.api.watches('carotations') > 0);
  }

  async publish(name: string, attributes: Readonly<Record<string, string>> = {}): Promise<string> {
    const request = this.harness.request(name, { duration: '720h', ...attributes });
    await this.harness.publish(request);
    return request.volumeId;
  }

  async renew(volumeId: string): Promise<void> {
    const generation = this.harness.manager.volume(volumeId)?.record.generation ?? 0;
    assert.equal(await this.harness.manager.renewGeneration(volumeId, generation, true), 'renewed');
  }

  async rotate({ name = 'r', state = 'Add', certificates, concerned, remove }: RotationSketch): Promise<void> {
    const trust = {
      state,
      certificates: certificates.map(({ pem }) => pem),
      fingerprints: concerned ?? certificates.map(({ fingerprint }) => fingerprint),
      ...(remove && { remove }),
    };
    await this.api.put('carotations', { metadata: { name }, status: { trust } });
  }

  /** Waits for the updates in progress; they must have done everything that there is to do. */
  async updated(volumeId: string): Promise<void> {
    assert.equal(await this.harness.manager.updateTrust(volumeId), false);
    assert.equal(await this.harness.manager.updateTrust(volumeId), false);
  }

  file(volumeId: string, name = 'ca.crt'): string {
    return this.harness.store.readPayload(volumeId).get(name)?.toString() ?? '';
  }

  /** Fingerprints of the CA file, in its order. */
  trusted(volumeId: string): readonly string[] {
    return certificatesOf(this.file(volumeId)).map(({ fingerprint }) => fingerprint);
  }

  /** The CA that the issuer returns. */
  ownCa(volumeId: string): TestRoot {
    const [own] = certificatesOf(this.file(volumeId));
    assert.ok(own);
    return own;
  }
}

/** Lets the event loop run until the condition is met; the test's timeout limits it. */
export async function until(isMet: () => boolean): Promise<void> {
  while (!isMet()) await new Promise((resolve) => setImmediate(resolve));
}
