import assert from 'node:assert/strict';

import { createCa, createCaIssuer, type CaPair } from '../../cluster/issuers.ts';
import { certificatePod } from '../support/certificate-pod.ts';
import { freezeVolume } from '../support/frozen-volume.ts';
import { getPod } from '../support/pods.ts';
import type { PodObject } from '../support/pods.ts';
import type { GetFleet } from './fleet-context.ts';
import { untilAccepted, untilApi } from './fleet-state.ts';
import { fingerprintsIn, MutualTls } from './mutual-tls.ts';
import { stubbornServer } from './rotated-pods.ts';
import { RotationProbe, rootsOf } from './rotation-probe.ts';

const none: CaPair = { certificate: '', key: '' };
const rootOf = (pem: string): string => [...fingerprintsIn(pem)].join();

/** An issuer of its own with two pods that connect to each other, and the rotation of its CA. */
export class RotatedPair {
  readonly issuer: string;
  /** Its certificate is the more urgent one: the issuer is tested with it. */
  readonly first: string;
  readonly second: string;
  readonly rotation: RotationProbe;
  /** Its programs read their files before each handshake: nothing makes these rotations wait for slower ones. */
  readonly mutualTls = new MutualTls({ maxReloadMs: 0, betweenMs: 200 });
  readonly #context: GetFleet;
  #cas: Readonly<Record<'old' | 'new', CaPair>> = { old: none, new: none };
  #pods: readonly PodObject[] = [];
  #unfreeze: () => Promise<void> = () => Promise.resolve();

  constructor(context: GetFleet, issuer: string) {
    this.#context = context;
    this.issuer = issuer;
    this.rotation = new RotationProbe(context, issuer);
    [this.first, this.second] = [`${issuer}-first`, `${issuer}-second`];
  }

  get oldRoot(): string {
    return rootOf(this.#cas.old.certificate);
  }

  get newRoot(): string {
    return rootOf(this.#cas.new.certificate);
  }

  get both(): string {
    return [this.oldRoot, this.newRoot].sort().join();
  }

  async createIssuer(): Promise<void> {
    this.#cas = { old: await createCa(`${this.issuer} old`), new: await createCa(`${this.issuer} new`) };
    await this.#sign('old');
  }

  podObjects({ isStubborn }: { readonly isStubborn: boolean }): readonly object[] {
    const attributes = { 'issuer-name': this.issuer, 'key-algorithm': 'ECDSA' };
    const first = { ...attributes, 'common-name': this.first, duration: '24h' };
    const second = { ...attributes, 'common-name': this.second, duration: '48h' };
    const server = { data: { ...second, ...stubbornServer.attributes } };
    return [
      certificatePod(this.first, { data: first }),
      isStubborn
        ? certificatePod(this.second, server, { script: stubbornServer.script })
        : certificatePod(this.second, { data: second }),
    ];
  }

  /** Starts the handshakes of the pods, which are ready. */
  async connect(): Promise<void> {
    const { cluster, reader } = this.#context();
    this.#pods = await Promise.all([this.first, this.second].map((name) => getPod(cluster, { name })));
    reader.add(...this.#pods);
    this.mutualTls.start(cluster, this.#pods);
  }

  async start(more: object = {}): Promise<void> {
    const { old, new: later } = this.#cas;
    await this.rotation.start({ from: old.certificate, to: later.certificate, reason: 'is rolled back', ...more });
  }

  /** From the next request on, the issuer signs with this CA. */
  async switchTo(which: 'old' | 'new'): Promise<void> {
    await this.#sign(which);
    await this.rotation.testAgain();
  }

  /** The agent cannot change the files of the second pod. */
  async freeze(): Promise<void> {
    const [, second] = this.#pods;
    assert.ok(second);
    this.#unfreeze = await freezeVolume(this.#context().cluster, second);
  }

  async unfreeze(): Promise<void> {
    await this.#unfreeze();
    await this.rotation.touch();
  }

  /** The different CA files of the pods. */
  roots(): readonly string[] {
    return rootsOf(this.#context().cluster, this.#pods);
  }

  async untilRoots(...expected: readonly string[]): Promise<void> {
    const isSo = (): Promise<boolean> => Promise.resolve(this.roots().join(';') === expected.toSorted().join(';'));
    await untilApi(`the CA files of ${this.issuer}`, isSo, 120_000);
  }

  /** The certificates of the first and the second pod are of these CAs. */
  async untilCas(...expected: readonly [string, string]): Promise<void> {
    const { reader } = this.#context();
    const isSo = (): Promise<boolean> => {
      const cas = [this.first, this.second].map((name) => reader.seenBy(name).at(-1)?.authority);
      return Promise.resolve(cas.join() === expected.join());
    };
    await untilApi(`the certificates of ${this.issuer}`, isSo, 120_000);
  }

  /** Ends the handshakes, and what keeps files from changes. */
  async end(): Promise<void> {
    await this.#unfreeze();
    await this.mutualTls.stop();
  }

  async #sign(which: 'old' | 'new'): Promise<void> {
    const create = (): Promise<unknown> =>
      createCaIssuer(this.#context().cluster, { name: this.issuer }, this.#cas[which]);
    await untilAccepted(`the issuer ${this.issuer}`, create);
  }
}
