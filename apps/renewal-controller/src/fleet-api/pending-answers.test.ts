import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { PendingAnswers } from './pending-answers.ts';

interface Asked {
  readonly ids: string[];
  readonly clock: ManualClock;
  readonly pending: PendingAnswers<string>;
  /** Sends a request to a party and appends its id to `ids`. */
  readonly ask: (party: string) => Promise<string>;
}

function start(): Asked {
  const clock = new ManualClock();
  const pending = new PendingAnswers<string>(clock, { maxTotal: 3, maxPerParty: 2, timeoutMs: 1_000 });
  const ids: string[] = [];
  return { ids, clock, pending, ask: (party) => pending.ask(party, (id) => void ids.push(id)) };
}

describe('PendingAnswers', () => {
  test('matches answers to requests and accepts them only from the party asked', async () => {
    const { ids, pending, ask } = start();
    const [a, b] = [ask('a'), ask('b')];
    const [idOfA = '', idOfB = ''] = ids;
    assert.notEqual(idOfA, idOfB);
    assert.equal(pending.answer('b', idOfA, 'forged'), false);
    assert.equal(pending.refuse('b', idOfA, new CertfleetError('unavailable', 'forged')), false);
    assert.equal(pending.answer('a', 'guessed', 'forged'), false);
    assert.equal(pending.answer('b', idOfB, 'second'), true);
    assert.equal(pending.answer('a', idOfA, 'first'), true);
    assert.deepEqual([await a, await b], ['first', 'second']);
    assert.equal(pending.answer('a', idOfA, 'again'), false);
  });

  test('times out and ignores late answers', async () => {
    const { ids, clock, pending, ask } = start();
    const answer = ask('a');
    const failed = assert.rejects(answer, { code: 'deadline-exceeded' });
    await clock.advance(1_000);
    await failed;
    assert.equal(pending.answer('a', ids[0] ?? '', 'late'), false);
    assert.equal(clock.timers, 0);
  });

  test('bounds pending requests per party and in total, and frees a slot at each end', async () => {
    const { ids, pending, ask } = start();
    const first = ask('a');
    const others = [ask('a'), ask('b')];
    await assert.rejects(ask('a'), { code: 'resource-exhausted' });
    await assert.rejects(ask('c'), { code: 'resource-exhausted' });
    assert.equal(ids.length, 3);
    pending.answer('a', ids[0] ?? '', 'done');
    await first;
    const next = ask('c');
    pending.fail('a', new CertfleetError('unavailable', 'gone'));
    await assert.rejects(others[0] ?? Promise.resolve(), { message: 'gone' });
    const ends = [others[1], next].map((each) => assert.rejects(each ?? Promise.resolve(), { message: /stopping/ }));
    pending.stop();
    await Promise.all(ends);
    await assert.rejects(ask('a'), { message: /stopping/ });
  });

  test('fails at once if the request cannot be sent, and frees its slot', async () => {
    const { clock, pending } = start();
    for (let i = 0; i < 5; i += 1) {
      await assert.rejects(
        pending.ask('a', () => Promise.reject(new Error('no way'))),
        /no way/,
      );
    }
    assert.equal(clock.timers, 0);
  });
});
