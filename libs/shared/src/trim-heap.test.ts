import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import koffi from 'koffi';
import type { Clock } from './clock.ts';
import { trimHeap } from './trim-heap.ts';
import { ManualClock } from './manual-clock.ts';

const mib = 1024 * 1024;

/** The memory of an idle program. */
const still = { heapBytes: () => 0, utilization: () => 0, collect: () => assert.fail(), trim: () => undefined };

describe('trimHeap', () => {
  test('returns free memory every half minute until cancelled', async () => {
    const clock = new ManualClock();
    let times = 0;
    const cancel = trimHeap(clock, { ...still, trim: () => (times += 1) });
    await clock.advance(29_999);
    assert.equal(times, 0);
    await clock.advance(1);
    await clock.advance(30_000);
    assert.equal(times, 2);
    cancel();
    assert.equal(clock.timers, 0);
  });

  test('collects only a heap that has grown by a quarter and by 4 MiB since the last collection', async () => {
    for (const { minMib, grownMib } of [
      { minMib: 12, grownMib: 16 },
      { minMib: 100, grownMib: 125 },
    ]) {
      const clock = new ManualClock();
      let heapBytes = 2 * minMib * mib;
      const collected: number[] = [];
      const collect = (): void => {
        collected.push(heapBytes / mib);
        heapBytes = minMib * mib;
      };
      const cancel = trimHeap(clock, { ...still, heapBytes: () => heapBytes, collect });
      await clock.advance(30_000);
      heapBytes = grownMib * mib - 1;
      await clock.advance(30_000);
      assert.deepEqual(collected, [2 * minMib]);
      heapBytes = grownMib * mib;
      await clock.advance(30_000);
      assert.deepEqual(collected, [2 * minMib, grownMib]);
      cancel();
    }
  });

  test('collections take at most a five-hundredth of the time', async () => {
    const clock = new ManualClock();
    const collectedAtMs: number[] = [];
    let collectingMs = 0;
    const slowed: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic() + collectingMs,
      schedule: (delayMs, callback) => clock.schedule(delayMs, callback),
    };
    const collect = (): void => {
      collectedAtMs.push(clock.monotonic());
      collectingMs += 150;
    };
    let heapMib = 0;
    const cancel = trimHeap(slowed, { ...still, heapBytes: () => (heapMib += 100) * mib, collect });
    // The heap grows by far more than a quarter in each period.
    for (let i = 1; i <= 7; i += 1) {
      heapMib *= 2;
      await clock.advance(30_000);
    }
    assert.deepEqual(collectedAtMs, [30_000, 120_000, 210_000]);
    cancel();
  });

  test('does not collect while the program is busy', async () => {
    const clock = new ManualClock();
    let [utilization, collected] = [0.25, 0];
    const memory = { ...still, heapBytes: () => 50 * mib, utilization: () => utilization };
    const cancel = trimHeap(clock, { ...memory, collect: () => (collected += 1) });
    await clock.advance(30_000);
    assert.equal(collected, 0);
    utilization = 0.24;
    await clock.advance(30_000);
    assert.equal(collected, 1);
    cancel();
  });

  test('returns free pages between used blocks', async () => {
    const library = koffi.load(null);
    const allocate = library.func('void *calloc(size_t count, size_t size)') as (
      count: number,
      size: number,
    ) => unknown;
    const free = library.func('void free(void *block)') as (block: unknown) => void;
    const clock = new ManualClock();
    const cancel = trimHeap(clock);
    // Below the size from which glibc uses a separate mapping per block.
    const blocks = Array.from({ length: 1_000 }, () => allocate(1, 64_000));
    blocks.slice(0, -1).forEach(free);
    const before = anonymousBytes();
    await clock.advance(30_000);
    const returned = before - anonymousBytes();
    free(blocks.at(-1));
    cancel();
    assert.ok(returned > 40e6, `${returned} bytes`);
  });
});

function anonymousBytes(): number {
  const text = readFileSync('/proc/self/smaps_rollup', 'latin1');
  return Number(/^Anonymous:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
}
