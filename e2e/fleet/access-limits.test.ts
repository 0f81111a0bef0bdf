// Limits for requests of strangers and operators, and their cost for the API server and other users.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Audit } from '../../libs/operator-api/src/audit.ts';
import { eventually } from './support/eventually.ts';
import { EventReader } from './support/event-reader.ts';
import { FakeReviewer } from './support/fake-reviewer.ts';
import { OperatedFleet } from './support/operated-fleet.ts';

async function startFleet(
  ...flags: readonly string[]
): Promise<{ fleet: OperatedFleet; reviewer: FakeReviewer } & AsyncDisposable> {
  const reviewer = await FakeReviewer.start();
  const fleet = await OperatedFleet.start();
  await fleet.startController('--api-auth=kubernetes', `--kubeconfig=${reviewer.kubeconfig}`, ...flags);
  return {
    fleet,
    reviewer,
    [Symbol.asyncDispose]: async () => {
      await fleet[Symbol.asyncDispose]();
      await reviewer[Symbol.asyncDispose]();
    },
  };
}

const bearer = (token: string): { readonly headers: Record<string, string> } => ({
  headers: { authorization: `Bearer ${token}` },
});

async function statusOf(
  fleet: OperatedFleet,
  path: string,
  init?: Parameters<OperatedFleet['ask']>[1],
): Promise<number> {
  return (await fleet.ask(path, init)).status;
}

describe('access limits', () => {
  test('a stream of random tokens causes few reviews, and known users are served during it', async () => {
    await using all = await startFleet();
    const { fleet, reviewer } = all;
    assert.equal(await statusOf(fleet, 'volumes', bearer('good-jane')), 200);
    const statuses = new Set<number>();
    for (let i = 0; i < 500; i += 50) {
      const guesses = Array.from({ length: 50 }, (_, j) => statusOf(fleet, 'volumes', bearer(`guess-${i + j}`)));
      for (const status of await Promise.all(guesses)) statuses.add(status);
      assert.equal(await statusOf(fleet, 'volumes', bearer('good-jane')), 200);
    }
    assert.deepEqual([...statuses].sort(), [401, 429]);
    // Ten failures, then two per second, plus jane's.
    assert.ok(reviewer.state.tokenReviews < 100, `${reviewer.state.tokenReviews} reviews`);
  });

  test('an operator can sign in although others at the same address fail all the time', async () => {
    await using all = await startFleet();
    const { fleet } = all;
    for (let i = 0; i < 13; i += 1) await fleet.ask('session', { json: { token: `bad-${i}` } });
    assert.equal(await statusOf(fleet, 'session', { json: { token: 'good-jane' } }), 200);
  });

  test('behind a trusted proxy, failures count by the address that the proxy names; an untrusted client cannot name one', async () => {
    await using trusting = await startFleet('--api-trusted-proxies=127.0.0.0/8,::1');
    const from = (address: string, token: string): Promise<number> =>
      statusOf(trusting.fleet, 'volumes', { headers: { ...bearer(token).headers, 'x-forwarded-for': address } });
    for (let i = 0; i < 15; i += 1) await from('198.51.100.7', `guess-${i}`);
    assert.equal(await from('198.51.100.7', 'guess-last'), 429);
    assert.equal(await from('198.51.100.8', 'good-jane'), 200);
    // The last untrusted address counts, regardless of those before it.
    assert.equal(await from('203.0.113.1, 198.51.100.7', 'guess-again'), 429);

    await using alone = await startFleet();
    const forged = (i: number): Promise<number> =>
      statusOf(alone.fleet, 'volumes', {
        headers: { ...bearer(`guess-${i}`).headers, 'x-forwarded-for': `10.0.0.${i}` },
      });
    const statuses: number[] = [];
    for (let i = 0; i < 15; i += 1) statuses.push(await forged(i));
    assert.ok(statuses.includes(429), statuses.join(' '));
  });

  test('users behind an authenticating proxy have separate limits', async () => {
    await using reviewer = await FakeReviewer.start();
    await using fleet = await OperatedFleet.start();
    const secretFile = join(fleet.directory, 'secret');
    writeFileSync(secretFile, 'a-secret-of-the-proxy');
    const flags = ['--api-auth=proxy', `--api-proxy-secret-file=${secretFile}`, '--api-rate-limit=20'];
    await fleet.startController(...flags, `--kubeconfig=${reviewer.kubeconfig}`);
    const as = (user: string): Promise<number> =>
      statusOf(fleet, 'volumes', {
        headers: { 'x-certfleet-proxy-secret': 'a-secret-of-the-proxy', 'x-forwarded-user': user },
      });
    for (let i = 0; i < 300; i += 1) await as('mallory');
    assert.equal(await as('mallory'), 429);
    assert.equal(await as('jane'), 200);
  });

  test('failing credentials of the controller give 503 without internal details', async () => {
    await using all = await startFleet();
    const { fleet, reviewer } = all;
    for (const refusal of [401, 403] as const) {
      reviewer.state.refusal = refusal;
      const { status, body } = await fleet.ask<{ code: string; message: string }>('volumes', bearer(`any-${refusal}`));
      assert.deepEqual([status, body.code], [503, 'unavailable']);
      assert.doesNotMatch(body.message, /secret words|api server|token/i);
    }
    assert.equal(fleet.log.filter((line) => line.includes('rejects the credentials of this controller')).length, 1);
    reviewer.state.refusal = undefined;
    assert.equal(await statusOf(fleet, 'volumes', bearer('good-jane')), 200);
  });

  test('a sign-out ends the session’s event stream, and one user cannot use all streams', async () => {
    await using all = await startFleet();
    const { fleet } = all;
    const signedIn = await fleet.ask('session', { json: { token: 'good-jane' } });
    const cookie = (signedIn.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const url = `${fleet.origin}/api/v1/events`;
    const stream = await EventReader.open(url, undefined, { cookie });
    const headers = { cookie, 'x-certfleet': 'page' };
    assert.equal((await fleet.ask('session', { method: 'DELETE', headers })).status, 204);
    await stream.ended;

    const open: EventReader[] = [];
    try {
      for (let i = 0; i < 25; i += 1) open.push(await EventReader.open(url, undefined, bearer('good-mallory').headers));
      await assert.rejects(EventReader.open(url, undefined, bearer('good-mallory').headers), /429/);
      open.push(await EventReader.open(url, undefined, bearer('good-bob').headers));
    } finally {
      for (const each of open) each.close();
    }
  });

  test('exports, sign-outs and refused accesses are in the audit log', async () => {
    await using all = await startFleet();
    const { fleet, reviewer } = all;
    const signedIn = await fleet.ask('session', { json: { token: 'good-jane' } });
    const cookie = (signedIn.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    assert.equal(await statusOf(fleet, 'volumes/export?format=csv&state=failing', { headers: { cookie } }), 200);
    await fleet.ask('session', { method: 'DELETE', headers: { cookie, 'x-certfleet': 'page' } });
    reviewer.state.denied.add('mallory');
    for (let i = 0; i < 20; i += 1) await fleet.ask('volumes', bearer('good-mallory'));
    await fleet.ask('volumes', bearer('guess'));
    const entries = async (): Promise<readonly unknown[]> =>
      (await fleet.ask<Audit>('audit', bearer('good-bob'))).body.entries.map(({ who, action, target, outcome }) =>
        [who, action, target, outcome].join(' '),
      );
    await eventually(
      'the export to end',
      async () => !(await entries()).some((each) => String(each).includes('started')),
    );
    assert.deepEqual((await entries()).slice(0, 2), [
      'unknown at 127.0.0.1 access GET /api/v1/volumes refused',
      'mallory access GET /api/v1/volumes refused',
    ]);
    assert.deepEqual([...(await entries()).slice(2)].sort(), [
      'jane export state=failing done',
      'jane sign-in session done',
      'jane sign-out session done',
    ]);
  });
});
