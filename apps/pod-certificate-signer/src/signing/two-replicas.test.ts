// Replicas of the signer on an API server that loses connections and responses, with changes of the leader in which two
// replicas sign for a moment. What happens is random, from a seed.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { defaultLanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { RenewalWindows } from '@certfleet/fleet-model/lanes/renewal-windows.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { readSecretCa, signWithCa } from '../issuers/secret-ca.ts';
import { SignerMetrics } from '../observability/signer-metrics.ts';
import { parseSignerObject } from '../policy/signer-policy.ts';
import type { PodCertificateRequest } from '../requests/pod-certificate-request.ts';
import type { RequestStatus } from '../requests/request-status.ts';
import { caSecret, privateKeyOf, rawSigner, stubRequestOf, testRequest } from '../testing/requests.ts';
import { AnswerMemory } from './answer-memory.ts';
import { Coordinator } from './coordinator.ts';
import { PacedLane } from './paced-lane.ts';
import { Places } from './places.ts';
import { SignerWork } from './signer-work.ts';

const startMs = Date.parse('2026-11-29T12:00:00Z');
const stubPKCS10Request = stubRequestOf(privateKeyOf('ED25519')).toString('base64');
const ca = readSecretCa(caSecret({ notBefore: new Date(0), notAfter: new Date(startMs + 1e10) }).data);
const signerObject = parseSignerObject(rawSigner());
assert.ok(signerObject);
const limits = { policy: defaultLanePolicy, windows: new RenewalWindows([]), isPaused: false };

/** A generator of numbers from 0 to 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Stored {
  readonly version: number;
  readonly account: string;
  readonly status: RequestStatus | undefined;
}

class World {
  readonly clock = new ManualClock(startMs);
  readonly random: () => number;
  readonly stored = new Map<string, Stored>();
  readonly replicas: readonly Replica[];
  /** Probability that a write meets a fault. */
  faults = 0;
  isCaAway = false;
  answers = 0;
  #version = 0;
  #created = 0;

  constructor(seed: number) {
    this.random = randomFrom(seed);
    this.replicas = [new Replica(this), new Replica(this)];
  }

  create(): void {
    this.#created += 1;
    this.put(`r${this.#created}`, { account: this.random() < 0.2 ? 'stranger' : 'web', status: undefined });
  }

  put(uid: string, { account, status }: Omit<Stored, 'version'>): void {
    this.#version += 1;
    this.stored.set(uid, { version: this.#version, account, status });
    for (const replica of this.replicas) replica.see(uid);
  }

  remove(uid: string): void {
    this.stored.delete(uid);
    for (const replica of this.replicas) replica.see(uid);
  }

  requestOf(uid: string): PodCertificateRequest | undefined {
    const found = this.stored.get(uid);
    if (found === undefined) return undefined;
    const spec = { stubPKCS10Request, serviceAccountName: found.account, podUID: `pod of ${uid}` };
    const request = testRequest(spec, { uid, name: uid, resourceVersion: String(found.version) });
    return { ...request, isPending: found.status === undefined };
  }

  /** The API server's rules of an update, with faults before and after it. */
  write({ uid, resourceVersion }: PodCertificateRequest, status: RequestStatus): void {
    const fault = this.random() < this.faults ? this.random() : 1;
    if (fault < 0.3) throw new CertfleetError('unavailable', 'connection lost', { reason: 'ConnectionLost' });
    if (fault < 0.5) throw new CertfleetError('resource-exhausted', 'HTTP 429', { retryAfterMs: 1_000 });
    const found = this.stored.get(uid);
    if (found === undefined) throw new CertfleetError('not-found', 'no such request');
    if (String(found.version) !== resourceVersion)
      throw new CertfleetError('aborted', 'changed', { reason: 'Conflict' });
    assert.equal(found.status, undefined, `${uid} has an answer, which nobody may replace`);
    this.answers += 1;
    this.put(uid, { account: found.account, status });
    if (fault < 0.9) throw new CertfleetError('deadline-exceeded', 'no response', { reason: 'RequestTimeout' });
  }
}

class Replica {
  readonly coordinator: Coordinator;
  readonly #world: World;
  #isConnected = true;

  constructor(world: World) {
    this.#world = world;
    const { clock } = world;
    const memories = { places: new Places(clock), answers: new AnswerMemory(clock) };
    this.coordinator = new Coordinator(
      (policy) =>
        new SignerWork({
          clock,
          log: createLogger(0, { write: () => undefined }),
          policy,
          issuer: {
            sign: (order) =>
              Promise.try(() => {
                if (world.isCaAway) throw new CertfleetError('unavailable', 'the CA is away');
                return signWithCa(ca, order, clock.now());
              }),
            trustAnchors: () => Promise.resolve([]),
          },
          lane: new PacedLane({ clock, limits: () => limits, random: world.random }),
          spread: () => ({ jitter: 0, maxJitterMs: 0 }),
          isStarting: () => false,
          latest: (uid) => this.coordinator.latest(uid),
          writeStatus: (request, status) => Promise.try(() => world.write(request, status)),
          observer: new SignerMetrics({ isLeading: () => true, signers: () => [], sharedLanes: () => [] }),
          ...memories,
        }),
    );
    assert.ok(signerObject);
    this.coordinator.setSigner(signerObject);
  }

  set isConnected(isConnected: boolean) {
    if (isConnected && !this.#isConnected) {
      const all = [...this.#world.stored.keys()].flatMap((uid) => this.#world.requestOf(uid) ?? []);
      this.coordinator.syncRequests(all);
    }
    this.#isConnected = isConnected;
  }

  /** An event of the watch, some time after the change; lost without a connection. */
  see(uid: string): void {
    const { clock, random } = this.#world;
    const version = this.#world.stored.get(uid)?.version;
    clock.schedule(random() * 500, () => {
      const request = this.#world.requestOf(uid);
      // A later change has an event of its own.
      if (!this.#isConnected || this.#world.stored.get(uid)?.version !== version) return;
      if (request === undefined) this.coordinator.removeRequest(uid);
      else this.coordinator.setRequest(request);
    });
  }
}

function act(world: World): void {
  const { random, stored, replicas } = world;
  const uids = [...stored.keys()];
  const uid = uids[Math.floor(random() * uids.length)] ?? '';
  const replica = replicas[random() < 0.5 ? 0 : 1];
  const found = stored.get(uid);
  const acts: readonly (() => void)[] = [
    () => world.create(),
    () => world.create(),
    () => world.create(),
    () => world.remove(uid),
    // Somebody adds an annotation.
    () => (found === undefined ? undefined : world.put(uid, found)),
    () => replica?.coordinator.lead(),
    () => replica?.coordinator.resign(),
    () => replica && (replica.isConnected = random() < 0.5),
    () => (world.faults = random()),
    () => (world.isCaAway = random() < 0.5),
  ];
  acts[Math.floor(random() * acts.length)]?.();
}

async function live(seed: number): Promise<World> {
  const world = new World(seed);
  for (let step = 0; step < 300; step += 1) {
    act(world);
    await world.clock.advance(world.random() * 4_000);
  }
  // Everything is in order again; one replica leads.
  Object.assign(world, { faults: 0, isCaAway: false });
  const [first, second] = world.replicas;
  first?.coordinator.resign();
  second?.coordinator.lead();
  for (const replica of world.replicas) replica.isConnected = true;
  await world.clock.advance(15 * 60_000);
  return world;
}

describe('two replicas on an API server with faults', () => {
  test('answer each request once, as the policy says, and leave none', async () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const world = await live(seed);
      for (const [uid, { account, status }] of world.stored) {
        const where = `seed ${seed}, ${uid}`;
        const { type, reason } = status?.conditions[0] ?? {};
        assert.equal(type, account === 'web' ? 'Issued' : 'Denied', where);
        if (account !== 'web') assert.equal(reason, 'IdentityNotAllowed', where);
        else assert.ok(new X509Certificate(status?.certificateChain ?? '').validToDate > new Date(startMs), where);
      }
      assert.ok(world.answers >= world.stored.size && world.stored.size > 20, `seed ${seed}`);
      for (const { coordinator } of world.replicas) {
        assert.equal(coordinator.gauges()[0]?.pending, 0, `seed ${seed}`);
        coordinator.resign();
      }
      assert.equal(world.clock.timers, 0, `seed ${seed}`);
    }
  });
});
