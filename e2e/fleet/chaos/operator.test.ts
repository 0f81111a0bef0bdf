import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AgentVolume } from './agents/messages.ts';
import { Ledger } from './ledger.ts';
import type { BulkAction } from './ledger.ts';
import { Operator } from './operator.ts';
import { itemAt } from '../../support/random.ts';
import type { ApiAnswer } from './world/replica.ts';

const times = { lifetimeMs: 60_000, issuedAtMs: 0, renewAtMs: 40_000, notAfterMs: 60_000 };
const volume: AgentVolume = { node: 'n', volumeId: 'v', issuer: 'ca', generation: 1, isBusy: false, ...times };

/** Answers in turn; the last one repeats. */
function asked(answers: readonly (ApiAnswer | Error)[], acceptLimitMs: number): { operator: Operator; ledger: Ledger } {
  const ledger = new Ledger([]);
  ledger.track(volume);
  let count = 0;
  const api = (): Promise<ApiAnswer> => {
    const answer = itemAt(answers, Math.min(count, answers.length - 1));
    count += 1;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const redis = { run: () => Promise.reject(new Error('no Redis here')) };
  return { operator: new Operator({ ledger, redis, issuers: ['ca'], api, acceptLimitMs }), ledger };
}

describe('Operator', () => {
  test('a renewal is requested until it is accepted, and every request may have taken effect', async () => {
    const refused = { status: 503, body: {} };
    const { operator, ledger } = asked([refused, new Error('timeout'), { status: 202, body: { id: 'b' } }], 60_000);
    const requests = await operator.renew([volume]);
    assert.deepEqual(
      requests.map(({ id, volumes }) => [id, volumes]),
      [['b', [volume]]],
    );
    // The request that timed out may be running.
    assert.deepEqual(
      ledger.bulks.map(({ renewals }) => [...renewals]),
      [['n/v#1'], ['n/v#1'], ['n/v#1']],
    );
    assert.deepEqual(ledger.violations, []);
  });

  test('a renewal that is not accepted is a violation that contains the last answer', async () => {
    const { operator, ledger } = asked([{ status: 503, body: { message: 'Redis is away' } }], 0);
    assert.deepEqual(await operator.renew([volume]), []);
    assert.deepEqual(
      ledger.violations.map(({ invariant }) => invariant),
      [6],
    );
    assert.match(ledger.violations[0]?.text ?? '', /503.*Redis is away/);
  });

  test('each of two requests explains one early renewal, also if the second selects after the first is done', () => {
    const { ledger } = asked([], 0);
    const request = (): BulkAction => ({
      ...{ sentMs: 1_000, issuer: volume.issuer, renewals: new Set(['n/v#1']) },
      ...{ renewed: new Set<string>(), allowed: new Set<string>() },
    });
    ledger.bulks.push(request(), request());
    for (const [generation, violations] of [
      [1, 0],
      [2, 0],
      [3, 1],
    ] as const) {
      const of: AgentVolume = { ...volume, generation, renewAtMs: 90_000, notAfterMs: 99_000 };
      const issuance = { ...of, cause: 'job', startedMs: 3_000, endedMs: 3_010 } as const;
      ledger.onEvent({ kind: 'issued', issuance });
      assert.equal(ledger.violations.length, violations);
    }
  });

  test('nothing of a suspended renewal runs until its resume, except what agents had begun', () => {
    const { ledger } = asked([], 0);
    const begun: AgentVolume = { ...volume, volumeId: 'begun' };
    ledger.track(begun);
    const bulk = {
      renewals: new Set(['n/v#1', 'n/begun#1']),
      renewed: new Set<string>(),
      allowed: new Set(['n/begun#1']),
    };
    ledger.bulks.push({ ...bulk, sentMs: 1_000, cancelSentMs: 2_000, cancelledMs: 2_100, resumedMs: 5_000 });
    const issue = (of: AgentVolume, startedMs: number): void => {
      const issuance = { ...of, cause: 'job', startedMs, endedMs: startedMs + 10 } as const;
      ledger.onEvent({ kind: 'issued', issuance });
    };
    issue(begun, 3_000);
    assert.deepEqual(ledger.violations, []);
    issue(volume, 3_000);
    assert.deepEqual(
      ledger.violations.map(({ invariant }) => invariant),
      [2],
    );
    const resumed: AgentVolume = { ...volume, generation: 2, issuedAtMs: 3_010, renewAtMs: 43_010, notAfterMs: 63_010 };
    ledger.bulks.push({ ...bulk, renewals: new Set(['n/v#2']), sentMs: 3_500, cancelledMs: 3_600, resumedMs: 5_000 });
    issue(resumed, 5_100);
    assert.equal(ledger.violations.length, 1);
  });
});
