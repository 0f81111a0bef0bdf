import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import koffi from 'koffi';
import { returnFreedMemory } from './freed-memory.ts';

test('gives back what was freed every half minute, until it is cancelled', async () => {
  const clock = new ManualClock();
  let times = 0;
  const cancel = returnFreedMemory(clock, () => (times += 1));
  await clock.advance(29_999);
  assert.equal(times, 0);
  await clock.advance(1);
  await clock.advance(30_000);
  assert.equal(times, 2);
  cancel();
  assert.equal(clock.timers, 0);
});

test('gives back the free pages between blocks in use', async () => {
  const library = koffi.load(null);
  const allocate = library.func('void *calloc(size_t count, size_t size)') as (count: number, size: number) => unknown;
  const free = library.func('void free(void *block)') as (block: unknown) => void;
  const clock = new ManualClock();
  const cancel = returnFreedMemory(clock);
  // Below the size from which glibc takes a mapping of its own for a block.
  const blocks = Array.from({ length: 1_000 }, () => allocate(1, 64_000));
  blocks.slice(0, -1).forEach(free);
  const before = anonymousBytes();
  await clock.advance(30_000);
  const returned = before - anonymousBytes();
  free(blocks.at(-1));
  cancel();
  assert.ok(returned > 40e6, `${returned} bytes`);
});

function anonymousBytes(): number {
  const text = readFileSync('/proc/self/smaps_rollup', 'latin1');
  return Number(/^Anonymous:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
}
