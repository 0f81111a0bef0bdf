import koffi from 'koffi';
import type { CancelTimer, Clock } from './clock.ts';

/** Soon after a burst of work is over; a look takes about a millisecond. */
const periodMs = 30_000;

/** A collection stops the program (50 ms with a heap of 40 MB): only one that has little to do may be stopped. */
const atRest = 0.25;

/** A heap that has grown by less is left alone, or a program with nothing to do would collect again and again. */
const worthCollecting = { bytes: 4 * 1024 * 1024, part: 0.25 };

/** The process's memory as far as it can be given back, and when. */
export interface ProcessMemory {
  /** Of V8's heap, with its free pages. */
  heapBytes(): number;
  /** The part of the time since the last call, 0 to 1, in which JavaScript ran. */
  utilization(): number;
  /** Collects all garbage and gives back the heap's free pages. */
  collect(): void;
  /** Gives back what was freed outside the heap. */
  trim(): void;
}

/**
 * Gives freed memory back to the kernel every half minute, until it is cancelled. V8 keeps a heap as large as the last
 * burst made it, because a few timers look to it like a program at work; glibc keeps free pages between blocks in use.
 * Of an agent that has mounted 500 volumes they are 20 MB and 9 MB.
 */
export function trimHeap(clock: Clock, memory: ProcessMemory = ownMemory()): CancelTimer {
  let cancel: CancelTimer;
  let minHeapBytes = 0;
  const isWorthCollecting = (): boolean => {
    const grownBytes = memory.heapBytes() - minHeapBytes;
    return grownBytes >= Math.max(worthCollecting.bytes, minHeapBytes * worthCollecting.part);
  };
  const rest = (): void => {
    cancel = clock.schedule(periodMs, () => {
      if (memory.utilization() < atRest && isWorthCollecting()) {
        memory.collect();
        minHeapBytes = memory.heapBytes();
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
    // There with --expose-gc alone, which the images have.
    collect: () => globalThis.gc?.({ execution: 'sync', type: 'major', flavor: 'last-resort' }),
    trim: loadTrim(),
  };
}

/** malloc_trim(3), which musl does not have. */
function loadTrim(): () => void {
  try {
    const trim = koffi.load(null).func('int malloc_trim(size_t pad)') as (pad: number) => number;
    return () => void trim(0);
  } catch {
    return () => undefined;
  }
}
