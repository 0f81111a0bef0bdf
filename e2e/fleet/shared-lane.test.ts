// One lane for the renewals of CSI volumes and for pod certificates: the signer's coordinator and the controller's lanes on a
// real Redis, in simulated time.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PermitClient } from '../../apps/pod-certificate-signer/src/lanes/permit-client.ts';
import { SharedLanes } from '../../apps/pod-certificate-signer/src/lanes/shared-lanes.ts';
import type { AskPermits } from '../../apps/pod-certificate-signer/src/lanes/shared-lane.ts';
import { readSecretCa, signWithCa } from '../../apps/pod-certificate-signer/src/issuers/secret-ca.ts';
import { SignerMetrics } from '../../apps/pod-certificate-signer/src/observability/signer-metrics.ts';
import { parseSignerObject } from '../../apps/pod-certificate-signer/src/policy/signer-policy.ts';
import { AnswerMemory } from '../../apps/pod-certificate-signer/src/signing/answer-memory.ts';
import { Coordinator } from '../../apps/pod-certificate-signer/src/signing/coordinator.ts';
import { Places } from '../../apps/pod-certificate-signer/src/signing/places.ts';
import { SignerWork } from '../../apps/pod-certificate-signer/src/signing/signer-work.ts';
import {
  caSecret,
  privateKeyOf,
  rawSigner,
  stubRequestOf,
  testRequest,
} from '../../apps/pod-certificate-signer/src/testing/requests.ts';
import { LanePermits } from '../../apps/renewal-controller/src/lanes/lane-permits.ts';
import { LanePolicies } from '../../apps/renewal-controller/src/lanes/lane-policies.ts';
import type { LanePause } from '../../apps/renewal-controller/src/lanes/lane-state.ts';
import { LaneStore } from '../../apps/renewal-controller/src/lanes/lane-store.ts';
import { SimulatedLane } from '../../apps/renewal-controller/src/lanes/testing/simulated-lane.ts';
import { createRedis } from '../../apps/renewal-controller/src/redis/create-redis.ts';
import type { RedisClient } from '../../apps/renewal-controller/src/redis/create-redis.ts';
import { redisKeys } from '../../apps/renewal-controller/src/redis/redis-keys.ts';
import type { LanePolicy } from '../../libs/fleet-model/src/lanes/lane-policy.ts';
import type { LanePage } from '../../libs/operator-api/src/lanes.ts';
import type { PermitAnswer } from '../../libs/operator-api/src/lane-permits.ts';
import { delay, systemClock } from '../../libs/shared/src/clock.ts';
import { CertfleetError } from '../../libs/shared/src/errors.ts';
import { createLogger } from '../../libs/shared/src/logger.ts';
import { ManualClock } from '../../libs/shared/src/manual-clock.ts';
import { writeTestCertificate } from '../../libs/shared/src/testing/test-certificate.ts';
import { startRedisServer } from '../support/redis-server.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { connected } from './support/connected.ts';
import { eventually } from './support/eventually.ts';
import { FakeReviewer } from './support/fake-reviewer.ts';
import { OperatedFleet } from './support/operated-fleet.ts';

const startMs = Date.UTC(2026, 10, 29, 12);
const stepMs = 20;
const issuer = { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name: 'ca' };
const stubPKCS10Request = stubRequestOf(privateKeyOf('ED25519')).toString('base64');
const ca = readSecretCa(caSecret({ notBefore: new Date(0), notAfter: new Date(startMs + 1e10) }).data);
const log = createLogger(0, { write: () => undefined });

let server: RedisServer;
let redis: RedisClient;

interface Use {
  readonly id: string;
  readonly kind: 'starting' | 'refresh' | 'renewal';
  readonly atMs: number;
  endMs: number;
}

/** The issuer's work, in simulated milliseconds since the start. */
class World {
  readonly clock = new ManualClock(startMs);
  readonly uses: Use[] = [];
  readonly starting = new Set<string>();
  readonly arrivedAt = new Map<string, number>();
  readonly policies: LanePolicies;
  readonly shared: SharedLanes;
  readonly store: LaneStore;
  readonly coordinator: Coordinator;
  readonly #keys = redisKeys(`t-${randomUUID()}`);
  readonly #sim: SimulatedLane;
  readonly #permits: LanePermits;
  readonly #metrics: SignerMetrics;
  #pending = 0;
  /** Whether the controller runs. */
  isUp = true;
  latencyMs = 300;
  asked = 0;
  issuerFails = false;
  retryAfterMs = 0;

  constructor(policy: Partial<LanePolicy>) {
    const { clock } = this;
    this.policies = new LanePolicies(policy);
    this.store = new LaneStore(redis, this.#keys, this.policies);
    this.#sim = new SimulatedLane(redis, this.#keys, { lane: this.policies.laneOf(issuer), startMs });
    this.#permits = new LanePermits({
      ...{ redis, keys: this.#keys, lanes: this.store },
      promoteJobs: (promotions) => {
        this.#sim.call(promotions, this.#renew);
        return Promise.resolve();
      },
      isOpen: () => true,
      time: { nowMs: () => clock.now(), ownMs: () => clock.now(), random: () => 0.5 },
    });
    const limits = this.policies.laneOf(issuer);
    this.shared = new SharedLanes({
      ...{ clock, log, ask: this.#ask, random: () => 1 },
      limitsOf: () => ({ policy: limits.policy, windows: limits.windows, isPaused: limits.pause !== undefined }),
    });
    this.#metrics = new SignerMetrics({
      isLeading: () => true,
      signers: () => this.coordinator.gauges(),
      sharedLanes: () => this.shared.gauges(),
    });
    const memories = { places: new Places(clock), answers: new AnswerMemory(clock) };
    this.coordinator = new Coordinator((signer) => {
      assert.ok(signer.lane);
      return new SignerWork({
        ...{ clock, log, policy: signer, observer: this.#metrics, ...memories },
        issuer: {
          sign: async (order) => {
            // The policy names a certificate by the pod, whose name is its UID here.
            const [pod = ''] = order.names.dnsNames[0]?.split('.') ?? [];
            const use = this.#begin(`pod-${pod}`, 'refresh');
            await delay(clock, this.latencyMs);
            use.endMs = this.nowMs;
            if (this.issuerFails) {
              const { retryAfterMs } = this;
              throw new CertfleetError('unavailable', 'sealed', { ...(retryAfterMs > 0 && { retryAfterMs }) });
            }
            return signWithCa(ca, order, clock.now());
          },
          trustAnchors: () => Promise.resolve([]),
        },
        lane: this.shared.of(signer.lane),
        spread: () => ({ jitter: 0, maxJitterMs: 0 }),
        isStarting: (podUid) => this.starting.has(podUid),
        latest: (uid) => this.coordinator.latest(uid),
        writeStatus: () => Promise.resolve(),
      });
    });
    this.coordinator.lead();
    for (const name of ['internal', 'other']) {
      const spec = { lane: { issuerRef: { kind: 'ClusterIssuer', name: 'ca' } }, signerName: `example.com/${name}` };
      const object = parseSignerObject(rawSigner(spec, name));
      assert.ok(object);
      this.coordinator.setSigner(object);
    }
  }

  get nowMs(): number {
    return this.clock.now() - startMs;
  }

  request(uid: string, { isStarting = false, signer = 'internal' } = {}): void {
    if (isStarting) this.starting.add(uid);
    this.arrivedAt.set(uid, this.nowMs);
    const spec = { stubPKCS10Request, podUID: uid, podName: uid, signerName: `example.com/${signer}` };
    this.coordinator.setRequest(testRequest(spec, { uid, name: uid }));
  }

  renewals(count: number, name: string): void {
    const arrivals = Array.from({ length: count }, (_, i) => ({ id: `${name}-${i}`, atMs: this.clock.now() }));
    this.#sim.arrive(arrivals, this.#renew);
  }

  pause(pause: LanePause | undefined): void {
    this.policies.setRules([{ name: 'pause', issuers: ['*'], policy: {}, pause }]);
    this.#sim.lane = this.policies.laneOf(issuer);
  }

  async run(forMs: number, each: (nowMs: number) => void = () => undefined): Promise<void> {
    const endMs = this.nowMs + forMs;
    while (this.nowMs < endMs) {
      each(this.nowMs);
      await this.clock.advance(stepMs);
      if (this.isUp) {
        this.#sim.nowMs = Math.max(this.#sim.nowMs, this.clock.now());
        await this.#sim.run(this.clock.now());
        if (this.nowMs % 1_000 === 0) await this.#sim.advance(this.#renew);
      }
      while (this.#pending > 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  of(kind: Use['kind'], fromMs = 0, toMs = Infinity): readonly Use[] {
    return this.uses.filter((use) => use.kind === kind && use.atMs >= fromMs && use.atMs < toMs);
  }

  /** The most starts that exceed the rate within any span, beyond the burst. */
  beyondRate({ ratePerSecond, burst }: { readonly ratePerSecond: number; readonly burst: number }): number {
    const times = this.uses.map(({ atMs }) => atMs).sort((a, b) => a - b);
    let level = 0;
    let most = 0;
    for (const [i, atMs] of times.entries()) {
      const since = atMs - (times[i - 1] ?? 0);
      level = Math.max(0, level - (since / 1000) * ratePerSecond) + 1;
      most = Math.max(most, level);
    }
    return most - burst;
  }

  peakInFlight(): number {
    const events = this.uses.flatMap(({ atMs, endMs }) => [[atMs, 1] as const, [endMs, -1] as const]);
    // An end before a start at the same time.
    events.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    let [now, most] = [0, 0];
    for (const [, change] of events) most = Math.max(most, (now += change));
    return most;
  }

  waitOf(uid: string): number {
    const use = this.uses.find(({ id }) => id === `pod-${uid}`);
    return (use?.atMs ?? Infinity) - (this.arrivedAt.get(uid) ?? 0);
  }

  /** Permits and requests of pods in flight in Redis. */
  async podsInLane(): Promise<number> {
    return await redis.zcard(`${this.#keys.lane(this.policies.laneOf(issuer).id)}:pods`);
  }

  async loseRedis(): Promise<void> {
    await redis.flushall();
  }

  readonly #ask: AskPermits = async ({ issuer: name, ...request }) => {
    if (!this.isUp) throw new CertfleetError('unavailable', 'killed');
    this.asked += 1;
    this.#pending += 1;
    try {
      const lane = this.policies.laneOf(name);
      const { permits, askAgainInMs } = await this.#permits.ask(lane, request);
      const { ratePerSecond, burst, maxInFlight, answerTimeoutMs } = lane.policy;
      return { permits: [...permits], askAgainInMs, answerTimeoutMs, limits: { ratePerSecond, burst, maxInFlight } };
    } finally {
      this.#pending -= 1;
    }
  };

  readonly #renew = ({ id }: { readonly id: string }): { readonly afterMs: number; readonly outcome: 'ok' } => {
    this.#begin(id, 'renewal').endMs = this.nowMs + this.latencyMs;
    return { afterMs: this.latencyMs, outcome: 'ok' };
  };

  #begin(id: string, kind: Use['kind']): Use {
    const isStarting = this.starting.has(id.replace('pod-', ''));
    const use = { id, kind: isStarting ? ('starting' as const) : kind, atMs: this.nowMs, endMs: Infinity };
    this.uses.push(use);
    return use;
  }
}

/** A client of a real controller, with the token of a file. */
function permitClient(fleet: OperatedFleet, caFile: string, token: string): PermitClient {
  const tokenFile = join(fleet.directory, 'signer-token');
  writeFileSync(tokenFile, `${token}\n`);
  const url = `https://127.0.0.1:${new URL(fleet.origin).port}`;
  return new PermitClient({ url, caFile, tokenFile, clock: systemClock });
}

/** The pod certificates in flight, by lane, as the API shows them. */
async function podsInFlight(fleet: OperatedFleet, caFile: string): Promise<readonly (number | undefined)[]> {
  const url = new URL('/api/v1/lanes', fleet.origin.replace('http:', 'https:'));
  const text = await new Promise<string>((resolve, reject) => {
    get(url, { ca: readFileSync(caFile), headers: { authorization: 'Bearer good-jane' } }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve(body));
      response.on('error', reject);
    }).on('error', reject);
  });
  return (JSON.parse(text) as LanePage).lanes.map(({ podCertificates }) => podCertificates?.inFlight);
}

const usual = { ratePerSecond: 10, burst: 5, maxInFlight: 8, answerTimeoutMs: 10_000 };

describe('one lane for CSI volumes and pod certificates', () => {
  before(async () => {
    server = await startRedisServer();
    redis = createRedis({ url: server.url }, 'commands', 'test');
    await connected(redis);
  });
  after(async () => {
    redis.disconnect();
    await server.stop();
  });

  test('both together never exceed rate, burst and in-flight; new pods come first, and nobody starves', async () => {
    const world = new World(usual);
    world.renewals(400, 'csi');
    for (let i = 0; i < 300; i += 1) world.request(`old-${i}`, { signer: i % 2 === 0 ? 'internal' : 'other' });
    const newPods: string[] = [];
    await world.run(60_000, (nowMs) => {
      if (nowMs < 5_000 || nowMs % 1_000 !== 0) return;
      const uid = `new-${nowMs}`;
      newPods.push(uid);
      world.request(uid, { isStarting: true });
    });
    assert.ok(world.beyondRate(usual) <= 1, `${world.beyondRate(usual)} starts beyond the rate`);
    assert.ok(world.peakInFlight() <= usual.maxInFlight, `${world.peakInFlight()} in flight`);
    assert.ok(world.uses.length >= 560, `the lane is used: ${world.uses.length} starts in 60 s`);
    const waits = newPods.slice(0, -3).map((uid) => world.waitOf(uid));
    assert.ok(Math.max(...waits) <= 2_000, `new pods wait ${Math.max(...waits)} ms at most`);
    for (let fromMs = 10_000; fromMs < 55_000; fromMs += 5_000) {
      const renewed = world.of('renewal', fromMs, fromMs + 5_000).length;
      const refreshed = world.of('refresh', fromMs, fromMs + 5_000).length;
      assert.ok(renewed >= 10, `${renewed} of about 50 starts from ${fromMs} were renewals`);
      assert.ok(refreshed >= 10, `${refreshed} of about 50 starts from ${fromMs} were refreshes`);
    }
    // Both signers of the issuer have their share.
    const odd = world.of('refresh').filter(({ id }) => Number(id.split('-')[2]) % 2 === 1).length;
    assert.ok(odd > world.of('refresh').length / 4, `${odd} of ${world.of('refresh').length} are of the second signer`);
    assert.ok(world.asked < 700, `${world.asked} calls`);
  });

  test('pods that start leave a quarter of the lane to the renewals, also of its slots in flight', async () => {
    for (const maxInFlight of [1, 4]) {
      const world = new World({ ...usual, maxInFlight });
      world.latencyMs = 1_000;
      world.renewals(200, 'csi');
      for (let i = 0; i < 200; i += 1) world.request(`new-${i}`, { isStarting: true });
      await world.run(60_000);
      assert.ok(world.peakInFlight() <= maxInFlight);
      const [pods, renewed] = [world.of('starting').length, world.of('renewal').length];
      const share = renewed / (pods + renewed);
      assert.ok(share >= 0.15 && share <= 0.6, `${renewed} renewals and ${pods} pods with ${maxInFlight} slots`);
      assert.ok(pods + renewed >= 40 * maxInFlight, `${pods + renewed} starts with ${maxInFlight} slots`);
    }
  });

  test('a signer paces alone while the controller is killed, and each request is signed once', async () => {
    const world = new World(usual);
    world.renewals(100, 'csi');
    for (let i = 0; i < 200; i += 1) world.request(`old-${i}`);
    await world.run(10_000);
    world.isUp = false;
    const killedMs = world.nowMs;
    await world.run(5_000);
    world.request('new', { isStarting: true });
    await world.run(20_000);
    assert.deepEqual(
      world.shared.gauges().map(({ isShared }) => isShared),
      [false],
    );
    assert.ok(world.waitOf('new') <= 8_000, `the new pod waited ${world.waitOf('new')} ms`);
    assert.ok(world.of('refresh', killedMs + 12_000).length > 50, 'refreshes continue');
    world.isUp = true;
    await world.run(30_000);
    assert.deepEqual(
      world.shared.gauges().map(({ isShared }) => isShared),
      [true],
    );
    assert.ok(world.beyondRate(usual) <= 1, `${world.beyondRate(usual)} starts beyond the rate`);
    assert.ok(world.peakInFlight() <= usual.maxInFlight, `${world.peakInFlight()} in flight`);
    const signed = world.uses.filter(({ kind }) => kind !== 'renewal').map(({ id }) => id);
    assert.equal(signed.length, 201);
    assert.equal(new Set(signed).size, 201);
    assert.equal(world.of('renewal').length, 100);
  });

  test('after Redis has lost everything, requests in flight count again and nothing is lost or signed twice', async () => {
    const world = new World({ ...usual, ratePerSecond: 50 });
    world.latencyMs = 3_000;
    for (let i = 0; i < 60; i += 1) world.request(`old-${i}`);
    await world.run(4_000);
    await world.loseRedis();
    assert.equal(await world.podsInLane(), 0);
    // The signer asks for its waiting requests at least once a second.
    await world.run(1_200);
    assert.equal(await world.podsInLane(), usual.maxInFlight);
    world.renewals(40, 'csi');
    await world.run(6_000);
    assert.ok(world.peakInFlight() <= usual.maxInFlight, `${world.peakInFlight()} in flight`);
    await world.run(60_000);
    const signed = world.uses.filter(({ kind }) => kind !== 'renewal').map(({ id }) => id);
    assert.equal(signed.length, 60);
    assert.equal(new Set(signed).size, 60);
    assert.equal(world.of('renewal').length, 40);
  });

  test('a pause delays refreshes but no pod that starts, and the lane shows the waiting requests', async () => {
    const world = new World(usual);
    world.pause({ by: 'alice', reason: 'the CA moves', atMs: startMs, policy: 'the-ca-moves' });
    world.renewals(5, 'csi');
    for (let i = 0; i < 5; i += 1) world.request(`old-${i}`);
    world.request('new', { isStarting: true });
    await world.run(10_000);
    assert.deepEqual(
      world.uses.map(({ id }) => id),
      ['pod-new'],
    );
    const { podCertificates } = await world.store.state(issuer);
    assert.deepEqual([podCertificates?.waiting, podCertificates?.inFlight], [5, 0]);
    world.pause(undefined);
    await world.run(10_000);
    assert.equal(world.of('refresh').length, 5);
  });

  test('the issuer asks to wait: all do, until a pod that starts tries again after 15 seconds and succeeds', async () => {
    const world = new World(usual);
    world.issuerFails = true;
    world.retryAfterMs = 40_000;
    world.request('old');
    await world.run(500);
    world.issuerFails = false;
    await world.run(1_500);
    const before = world.uses.length;
    world.renewals(5, 'csi');
    world.request('new', { isStarting: true });
    await world.run(10_000);
    assert.equal(world.uses.length, before);
    await world.run(40_000);
    assert.equal(world.uses[before]?.id, 'pod-new');
    assert.ok(world.waitOf('new') <= 16_000, `the new pod waited ${world.waitOf('new')} ms`);
    assert.equal(world.of('renewal').length, 5);
    assert.equal(world.coordinator.gauges()[0]?.pending, 0);
  });

  test('failures of the issuer back the whole lane off, and a success ends it', async () => {
    const world = new World({ ...usual, backoff: { threshold: 3, initialMs: 20_000, maxMs: 60_000 } });
    world.issuerFails = true;
    for (let i = 0; i < 6; i += 1) world.request(`old-${i}`);
    await world.run(5_000);
    const { backoffUntilMs, lastError } = await world.store.state(issuer);
    assert.ok((backoffUntilMs ?? 0) > world.clock.now(), 'the lane backs off');
    assert.equal(lastError?.message, 'sealed');
    const before = world.uses.length;
    world.renewals(5, 'csi');
    await world.run(5_000);
    assert.equal(world.uses.length, before);
    world.issuerFails = false;
    await world.run(120_000);
    assert.equal((await world.store.state(issuer)).failureStreak, 0);
    assert.equal(world.of('renewal').length, 5);
    assert.equal(world.coordinator.gauges()[0]?.pending, 0);
  });
});

describe('permits of a real controller', () => {
  test('are granted over TLS to a signer with the right alone, and survive a restart of the controller', async () => {
    await using reviewer = await FakeReviewer.start();
    await using fleet = await OperatedFleet.start();
    const { certificateFile, keyFile } = writeTestCertificate(fleet.directory);
    const flags = [
      '--api-auth=kubernetes',
      `--kubeconfig=${reviewer.kubeconfig}`,
      `--tls-cert-file=${certificateFile}`,
      `--tls-key-file=${keyFile}`,
    ];
    const first = await fleet.startController(...flags);
    let sequence = 0;
    const ask = async (token: string, held: string[] = []): Promise<PermitAnswer> => {
      sequence += 1;
      const client = permitClient(fleet, certificateFile, token);
      const request = { issuer, signer: 's1', sequence, isReturning: false, urgent: 2, refreshes: 3, results: [] };
      try {
        return await client.ask({ ...request, held }, new AbortController().signal);
      } finally {
        client.close();
      }
    };
    const granted = async (held: string[] = []): Promise<PermitAnswer> => {
      let answer: PermitAnswer | undefined;
      // It opens when it knows the pauses of lanes.
      await eventually('the controller to grant permits', async () => {
        answer = await ask('bound-signer', held).catch(() => undefined);
        return answer !== undefined;
      });
      assert.ok(answer);
      return answer;
    };
    await granted();
    const { permits, limits } = await granted(['1-1']);
    assert.deepEqual(
      permits.map(({ id, isUrgent }) => [id, isUrgent]),
      [1, 2, 3, 4, 5].map((n) => [`${sequence}-${n}`, n <= 2]),
    );
    assert.deepEqual(limits, { ratePerSecond: 10, burst: 20, maxInFlight: 50 });
    sequence -= 1;
    await assert.rejects(ask('bound-signer'), /answered 409/);
    // A token of the API server, and one without the right.
    await assert.rejects(ask('good-signer'), /answered 401/);
    reviewer.state.denied.add('stranger');
    await assert.rejects(ask('bound-stranger'), /answered 403.*lanes\.certfleet\.io/);
    await first.stop();
    await assert.rejects(ask('bound-signer'), /no answer of/);
    await fleet.startController(...flags);
    await granted(permits.slice(0, 2).map(({ id }) => id));
    sequence -= 1;
    await assert.rejects(ask('bound-signer'), /answered 409/);
    assert.deepEqual(await podsInFlight(fleet, certificateFile), [7]);
  });
});
