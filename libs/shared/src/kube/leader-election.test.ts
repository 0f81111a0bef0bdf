import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertfleetError } from '../errors.ts';
import { createLogger } from '../logger.ts';
import { ManualClock } from '../manual-clock.ts';
import type { ApiRequest } from './api-client.ts';
import { LeaderElection } from './leader-election.ts';

interface Lease {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec: { readonly holderIdentity: string; readonly leaseTransitions: number };
}

/** The Lease of an API server with optimistic locking. */
class Leases {
  lease: Lease | undefined;
  isAway = false;
  #version = 0;

  request = async (request: Omit<ApiRequest, 'signal'>): Promise<unknown> => {
    await Promise.resolve();
    if (this.isAway) throw new CertfleetError('unavailable', 'no connection');
    if (request.verb === 'get') {
      if (this.lease === undefined) throw new CertfleetError('not-found', 'no lease');
      return structuredClone(this.lease);
    }
    const body = request.body as Lease;
    if (request.verb === 'create' && this.lease !== undefined) throw new CertfleetError('already-exists', 'exists');
    if (request.verb === 'update' && body.metadata.resourceVersion !== this.lease?.metadata.resourceVersion)
      throw new CertfleetError('aborted', 'changed', { reason: 'Conflict' });
    this.#version += 1;
    this.lease = { spec: body.spec, metadata: { resourceVersion: String(this.#version) } };
    return this.lease;
  };
}

function electionOf(identity: string, client: Leases, clock: ManualClock, changes: string[]): LeaderElection {
  return new LeaderElection({
    client,
    clock,
    log: createLogger(0, { write: () => undefined }),
    namespace: 'certfleet',
    name: 'signer',
    identity,
    onLead: () => changes.push(`${identity} leads`),
    onResign: () => changes.push(`${identity} resigns`),
  });
}

describe('LeaderElection', () => {
  test('elects one replica; another takes over at once when it stops', async () => {
    const clock = new ManualClock();
    const [leases, changes] = [new Leases(), [] as string[]];
    const [a, b] = [electionOf('a', leases, clock, changes), electionOf('b', leases, clock, changes)];
    a.start();
    await clock.advance(10);
    b.start();
    await clock.advance(60_000);
    assert.deepEqual(changes, ['a leads']);
    await a.stop();
    await clock.advance(2_000);
    assert.deepEqual(changes, ['a leads', 'a resigns', 'b leads']);
    assert.equal(leases.lease?.spec.leaseTransitions, 2);
    await b.stop();
    assert.equal(clock.timers, 0);
  });

  test('a leader that cannot renew resigns before another replica can lead', async () => {
    const clock = new ManualClock();
    const [leases, cut, changes] = [new Leases(), new Leases(), [] as string[]];
    const a = electionOf('a', leases, clock, changes);
    a.start();
    await clock.advance(10);
    const b = electionOf('b', leases, clock, changes);
    b.start();
    await clock.advance(10_000);
    // Only a is cut off from the API server.
    const whole = leases.request;
    leases.request = (request) =>
      (request.body as Lease | undefined)?.spec.holderIdentity === 'a' ? cut.request(request) : whole(request);
    cut.isAway = true;
    await clock.advance(11_000);
    assert.deepEqual(changes, ['a leads', 'a resigns']);
    await clock.advance(10_000);
    assert.deepEqual(changes, ['a leads', 'a resigns', 'b leads']);
    await Promise.all([a.stop(), b.stop()]);
  });

  test('ignores jumps of the wall clock', async () => {
    const clock = new ManualClock();
    const [leases, changes] = [new Leases(), [] as string[]];
    const [a, b] = [electionOf('a', leases, clock, changes), electionOf('b', leases, clock, changes)];
    a.start();
    await clock.advance(10);
    b.start();
    await clock.advance(5_000);
    clock.stepWall(86_400_000);
    await clock.advance(30_000);
    clock.stepWall(-2 * 86_400_000);
    await clock.advance(30_000);
    assert.deepEqual(changes, ['a leads']);
    await Promise.all([a.stop(), b.stop()]);
  });
});
