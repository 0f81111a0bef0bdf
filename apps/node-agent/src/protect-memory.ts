import koffi from 'koffi';

/** PR_SET_DUMPABLE of linux/prctl.h, RLIMIT_CORE of asm-generic/resource.h. */
const setDumpable = 4;
const coreLimit = 4;

/**
 * Excludes the process's memory, which contains private keys, from core dumps, and denies access to other processes of
 * the same user (ptrace(2), /proc/PID/mem). Being not dumpable also covers a core_pattern with a pipe, to which no
 * limit applies.
 * @returns the settings that failed; undefined if none did
 */
export function protectMemory(): string | undefined {
  const library = koffi.load(null);
  const prctl = library.func(
    'int prctl(int option, unsigned long value, unsigned long, unsigned long, unsigned long)',
  ) as (...values: number[]) => number;
  const setrlimit = library.func('int setrlimit(int resource, const uint64_t *limits)') as (
    resource: number,
    limits: BigUint64Array,
  ) => number;
  const failed: string[] = [];
  if (prctl(setDumpable, 0, 0, 0, 0) !== 0) failed.push(`prctl(PR_SET_DUMPABLE): errno ${koffi.errno()}`);
  if (setrlimit(coreLimit, new BigUint64Array(2)) !== 0) failed.push(`setrlimit(RLIMIT_CORE): errno ${koffi.errno()}`);
  return failed.length === 0 ? undefined : failed.join(', ');
}
