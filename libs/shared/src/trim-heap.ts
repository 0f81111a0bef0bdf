import koffi from 'koffi';
import type { CancelTimer, Clock } from './clock.ts';

/** Soon after a burst of work; one check takes about a millisecond. */
const periodMs = 30_000;

/** A collection stops the program (50 ms with a heap of 40 MB), so it runs only below this utilization. */
const atRest = 0.25;

/** A smaller growth is ignored, otherwise an idle program would collect again and again. */
const worthCollecting = { bytes: 4 * 1024 * 1024, part: 0.25 };

/**
 * The part of the time that collections may take. A large heap takes longer, and a moderate load makes it grow within
 * each period: one of 150 MB would be collected for 300 ms every half minute, which is 1 % of a core.
 */
const maxPartOfTime = 0.002;

/** The reclaimable memory of the process. */
export interface ProcessMemory {
  /** Size of V8's heap with its free pages. */
  heapBytes(): number;
  /** The part of the time since the last call, 0 to 1, in which JavaScript ran. */
  utilization(): number;
  /** Collects all garbage and returns the heap's free pages to the kernel. */
  collect(): void;
  /** Returns free memory outside the heap to the kernel. */
  trim(): void;
}

/**
 * Returns free memory to the kernel every half minute until cancelled; collects a heap that has grown before. V8 keeps
 * the heap at the size of the last burst, because a few timers look like activity; glibc keeps free pages between used
 * blocks. For an agent that has mounted 500 volumes, this is 20 MB and 9 MB.
 */
export function trimHeap(clock: Clock, memory: ProcessMemory = ownMemory()): CancelTimer {
  let cancel: CancelTimer;
  let minHeapBytes = 0;
  let mayCollectAtMs = -Infinity;
  const isWorthCollecting = (): boolean => {
    const grownBytes = memory.heapBytes() - minHeapBytes;
    return grownBytes >= Math.max(worthCollecting.bytes, minHeapBytes * worthCollecting.part);
  };
  const rest = (): void => {
    cancel = clock.schedule(periodMs, () => {
      const startMs = clock.monotonic();
      if (memory.utilization() < atRest && startMs >= mayCollectAtMs && isWorthCollecting()) {
        memory.collect();
        minHeapBytes = memory.heapBytes();
        mayCollectAtMs = startMs + (clock.monotonic() - startMs) / maxPartOfTime;
      }
      memory.trim();
      rest();
    });
  };
  rest();
  return () => cancel();
}

function ownMemory(): ProcessMemory {
  let last = performance.eventLoopUtilization();
  return {
    heapBytes: () => process.memoryUsage().heapTotal,
    utilization: () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      return utilization;
    },
    // Only available with --expose-gc, which the images set.
    collect: () => globalThis.gc?.({ execution: 'sync', type: 'major', flavor: 'last-resort' }),
    trim: loadTrim(),
  };
}

/** malloc_trim(3), which musl does not provide. */
function loadTrim(): () => void {
  try {
    const trim = koffi.load(null).func('int malloc_trim(size_t pad)') as (pad: number) => number;
    return () => void trim(0);
  } catch {
    return () => undefined;
  }
}
