import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { describe, test } from 'node:test';
import { setImmediate as settle } from 'node:timers/promises';
import { delay } from '@certfleet/shared/clock.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { KeyPool } from './key-pool.ts';
import type { KeyPoolOptions } from './key-pool.ts';
import type { KeyKind } from './private-key.ts';

interface Generation {
  readonly kind: KeyKind;
  readonly finish: () => Promise<KeyObject>;
  readonly fail: () => Promise<void>;
}

/** Generations that end when the test ends them; each returns a different key, small for speed. */
function fakeGenerator(): { generate: KeyPoolOptions['generate']; running: Generation[]; started: () => number } {
  const running: Generation[] = [];
  let started = 0;
  const generate = (kind: KeyKind): Promise<KeyObject> => {
    started += 1;
    const { promise, resolve, reject } = Promise.withResolvers<KeyObject>();
    const end = async (act: () => void): Promise<void> => {
      running.splice(running.indexOf(generation), 1);
      act();
      await settle();
    };
    const generation: Generation = {
      kind,
      finish: async () => {
        const key = generateKeyPairSync('ed25519').privateKey;
        await end(() => resolve(key));
        return key;
      },
      fail: () => end(() => reject(new Error('no entropy'))),
    };
    running.push(generation);
    return promise;
  };
  return { generate, running, started: () => started };
}

const rsa = (size: number): KeyKind => ({ algorithm: 'RSA', size });

interface Setup {
  readonly pool: KeyPool;
  readonly clock: ManualClock;
  readonly generator: ReturnType<typeof fakeGenerator>;
  readonly takes: string[];
  /** Ends the running generation after 100 ms. */
  readonly finishOne: () => Promise<KeyObject>;
}

function setUp(options: Partial<KeyPoolOptions> = {}): Setup {
  const clock = new ManualClock();
  const generator = fakeGenerator();
  const takes: string[] = [];
  const pool = new KeyPool({
    clock,
    generate: generator.generate,
    stock: { initial: 2, full: 4, otherSizes: 1 },
    onTake: (outcome, { size }) => takes.push(`${outcome} ${size}`),
    ...options,
  });
  const finishOne = async (): Promise<KeyObject> => {
    await clock.advance(100);
    const [first] = generator.running;
    assert.ok(first, 'a generation runs');
    return first.finish();
  };
  return { pool, clock, generator, takes, finishOne };
}

/** A minute in which every generation takes 100 ms: enough to fill the stock to its target. */
async function fill({ clock, generator, finishOne }: Setup): Promise<void> {
  for (let step = 0; step < 600; step += 1) {
    if (generator.running.length > 0) await finishOne();
    else await clock.advance(100);
  }
}

describe('KeyPool', () => {
  test('generates nothing before it is started, and only the initial stock afterwards', async () => {
    const setup = setUp();
    await setup.clock.advance(60_000);
    assert.equal(setup.generator.started(), 0);
    setup.pool.start();
    await fill(setup);
    assert.equal(setup.pool.ready(2048), 2);
    assert.equal(setup.clock.timers, 0, 'an idle pool has no timer');
  });

  test('generates one key at a time for the stock, and pauses three times as long as it took', async () => {
    const { pool, clock, generator, finishOne } = setUp();
    pool.start();
    await clock.advance(0);
    assert.equal(generator.running.length, 1);
    await finishOne();
    await clock.advance(299);
    assert.equal(generator.running.length, 0);
    await clock.advance(1);
    assert.equal(generator.running.length, 1);
  });

  test('fills the full stock after the first RSA key was taken and the burst is over', async () => {
    const setup = setUp();
    setup.pool.start();
    await fill(setup);
    await setup.pool.take(rsa(2048));
    await setup.clock.advance(4_999);
    assert.equal(setup.generator.running.length, 0);
    await fill(setup);
    assert.equal(setup.pool.ready(2048), 4);
  });

  test('never returns a key twice', async () => {
    const setup = setUp();
    setup.pool.start();
    await fill(setup);
    const promises = [1, 2, 3, 4].map(() => setup.pool.take(rsa(2048)));
    await setup.finishOne();
    await setup.finishOne();
    const keys = await Promise.all(promises);
    assert.equal(new Set(keys.map((key) => key.export({ type: 'pkcs8', format: 'pem' }))).size, 4);
    assert.equal(setup.pool.ready(2048), 0);
    assert.deepEqual(setup.takes, ['hit 2048', 'hit 2048', 'miss 2048', 'miss 2048']);
  });

  test('generates two keys at once for callers, in order of arrival', async () => {
    const { pool, generator, finishOne } = setUp();
    const promises = [1, 2, 3].map(() => pool.take(rsa(2048)));
    assert.equal(generator.running.length, 2);
    const made = [await finishOne(), await finishOne(), await finishOne()];
    assert.deepEqual(await Promise.all(promises), made);
    assert.equal(generator.started(), 3);
  });

  test('gives a key that was started for the stock to a caller that came later', async () => {
    const { pool, clock, generator, finishOne } = setUp();
    pool.start();
    await clock.advance(0);
    const taken = pool.take(rsa(2048));
    assert.equal(generator.running.length, 1);
    assert.equal(await finishOne(), await taken);
    assert.equal(pool.ready(2048), 0);
  });

  test('generates nothing for the stock while it generates a key for a caller', async () => {
    const { pool, clock, generator } = setUp();
    const taken = pool.take(rsa(3072));
    pool.start();
    await clock.advance(60_000);
    assert.deepEqual(
      generator.running.map(({ kind }) => kind.size),
      [3072],
    );
    await generator.running[0]?.finish();
    await taken;
    await clock.advance(5_000);
    assert.equal(generator.running.length, 1);
  });

  test('stocks another size once it was requested, and forgets the least recently requested one', async () => {
    const setup = setUp();
    setup.pool.start();
    await fill(setup);
    for (const size of [3072, 4096, 2560]) {
      const taken = setup.pool.take(rsa(size));
      await setup.finishOne();
      await taken;
      await fill(setup);
      assert.equal(setup.pool.ready(size), 1);
    }
    assert.equal(setup.pool.ready(3072), 0);
    assert.equal(setup.pool.ready(4096), 1);
  });

  test('never stocks sizes above 4096, and generates one of them at a time', async () => {
    const setup = setUp();
    setup.pool.start();
    await fill(setup);
    const large = [setup.pool.take(rsa(8192)), setup.pool.take(rsa(8192))];
    const small = setup.pool.take(rsa(3072));
    assert.deepEqual(
      setup.generator.running.map(({ kind }) => kind.size),
      [8192, 3072],
    );
    await setup.finishOne();
    await setup.finishOne();
    await setup.finishOne();
    await Promise.all([...large, small]);
    await fill(setup);
    assert.equal(setup.pool.ready(8192), 0);
  });

  test('rejects only the caller whose generation failed', async () => {
    const { pool, generator, finishOne } = setUp({ maxConcurrentGenerations: 1 });
    const first = pool.take(rsa(2048));
    const second = pool.take(rsa(2048));
    const failure = assert.rejects(first, /no entropy/);
    await generator.running[0]?.fail();
    await failure;
    assert.equal(await finishOne(), await second);
  });

  test('reports a failure for the stock and retries later', async () => {
    const failures: unknown[] = [];
    const { pool, clock, generator } = setUp({ onStockFailure: (error) => failures.push(error) });
    pool.start();
    await clock.advance(0);
    await generator.running[0]?.fail();
    assert.equal(failures.length, 1);
    await clock.advance(4_999);
    assert.equal(generator.running.length, 0);
    await clock.advance(1);
    assert.equal(generator.running.length, 1);
  });

  test('rejects queued and later callers when it stops', async () => {
    const { pool, clock, generator, finishOne } = setUp();
    pool.start();
    const rejections = [1, 2, 3].map(() => assert.rejects(pool.take(rsa(2048)), { code: 'unavailable' }));
    pool.stop();
    await Promise.all(rejections);
    await assert.rejects(pool.take({ algorithm: 'Ed25519', size: 256 }), { code: 'unavailable' });
    await finishOne();
    await clock.advance(60_000);
    assert.equal(pool.ready(2048), 0, 'a late key is dropped');
    assert.equal(generator.started(), 2);
  });

  test('generates curve keys at once, without the queue', async () => {
    const { pool, generator, takes } = setUp({ maxConcurrentGenerations: 1 });
    void pool.take(rsa(2048));
    const taken = pool.take({ algorithm: 'ECDSA', size: 256 });
    assert.equal(generator.running.length, 2);
    const key = await generator.running[1]?.finish();
    assert.equal(await taken, key);
    assert.deepEqual(takes, ['miss 2048']);
  });

  test('serves mounts before renewals that came earlier', async () => {
    const { pool, finishOne } = setUp({ maxConcurrentGenerations: 1 });
    const renewals = [1, 2].map(() => pool.take(rsa(2048), { urgency: 'renewal' }));
    const mounts = [1, 2].map(() => pool.take(rsa(2048), { urgency: 'mount' }));
    const made = [await finishOne(), await finishOne(), await finishOne(), await finishOne()];
    assert.deepEqual(await Promise.all([...mounts, ...renewals]), made);
  });

  test('generates the size of a mount before that of a renewal that came earlier', () => {
    const { pool, generator } = setUp({ maxConcurrentGenerations: 1 });
    void pool.take(rsa(2048), { urgency: 'renewal' });
    void pool.take(rsa(4096), { urgency: 'renewal' });
    void pool.take(rsa(3072), { urgency: 'mount' });
    void generator.running[0]?.finish();
    return settle().then(() => assert.equal(generator.running[0]?.kind.size, 3072));
  });

  test('rejects a caller at once when it cancels, and gives its key to the next', async () => {
    const { pool, generator, finishOne } = setUp({ maxConcurrentGenerations: 1 });
    const caller = new AbortController();
    const first = pool.take(rsa(2048), { signal: caller.signal });
    const second = pool.take(rsa(2048));
    caller.abort(new Error('the mount timed out'));
    await assert.rejects(first, /the mount timed out/);
    assert.equal(pool.waiting, 1);
    assert.equal(await finishOne(), await second);
    assert.equal(generator.started(), 1);
  });

  test('keeps the key of a cancelled caller for its next attempt, of any size', async () => {
    for (const size of [2048, 4096, 8192]) {
      const { pool, generator, finishOne } = setUp({ stock: { initial: 0, full: 0, otherSizes: 0 } });
      const caller = new AbortController();
      const taken = pool.take(rsa(size), { signal: caller.signal });
      caller.abort(new Error('the mount timed out'));
      await assert.rejects(taken);
      const key = await finishOne();
      assert.equal(await pool.take(rsa(size)), key);
      assert.equal(generator.started(), 1);
    }
  });

  test('generates no more keys than its callers use, however often they cancel and retry', async () => {
    const { pool, clock, generator } = setUp({ stock: { initial: 0, full: 0, otherSizes: 0 } });
    let used = 0;
    const mount = async (): Promise<void> => {
      for (;;) {
        const caller = new AbortController();
        const cancel = clock.schedule(30_000, () => caller.abort(new Error('too late')));
        try {
          await pool.take(rsa(4096), { signal: caller.signal });
          used += 1;
          return;
        } catch {
          await delay(clock, 500);
        } finally {
          cancel();
        }
      }
    };
    const all = Promise.all(Array.from({ length: 110 }, mount));
    for (let made = 0; made < 110; made += 2) {
      await clock.advance(2_000);
      await Promise.all([...generator.running].map(({ finish }) => finish()));
    }
    await clock.advance(1_000);
    await all;
    assert.equal(used, 110);
    assert.equal(generator.started(), 110);
  });

  test('generates nothing for cancelled callers, and rejects one that was cancelled before', async () => {
    const { pool, generator, finishOne } = setUp({ maxConcurrentGenerations: 1 });
    const caller = new AbortController();
    const first = pool.take(rsa(3072));
    const gone = [1, 2].map(() => assert.rejects(pool.take(rsa(4096), { signal: caller.signal }), /enough/));
    caller.abort(new Error('enough'));
    await Promise.all(gone);
    await finishOne();
    await first;
    assert.equal(generator.running.length, 0);
    await assert.rejects(pool.take(rsa(2048), { signal: caller.signal }), /enough/);
    await assert.rejects(pool.take({ algorithm: 'ECDSA', size: 384 }, { signal: caller.signal }), /enough/);
    assert.equal(generator.started(), 1);
  });

  test('rejects a cancelled caller of a curve key', async () => {
    const { pool, generator } = setUp();
    const caller = new AbortController();
    const taken = pool.take({ algorithm: 'ECDSA', size: 521 }, { signal: caller.signal });
    caller.abort(new Error('enough'));
    await assert.rejects(taken, /enough/);
    await generator.running[0]?.fail();
  });

  test('measures pauses independently of the wall clock', async () => {
    const { pool, clock, generator } = setUp();
    pool.start();
    await clock.advance(0);
    clock.stepWall(2 * 86_400_000);
    await clock.advance(100);
    await generator.running[0]?.finish();
    await clock.advance(300);
    assert.equal(generator.running.length, 1);
  });
});
