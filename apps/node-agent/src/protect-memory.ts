import koffi from 'koffi';

/** PR_SET_DUMPABLE of linux/prctl.h, RLIMIT_CORE of asm-generic/resource.h. */
const setDumpable = 4;
const coreLimit = 4;

/**
 * Keeps the process's memory, which holds private keys, out of core dumps, and from being read by other processes of the
 * same user (ptrace(2), /proc/PID/mem). Not dumpable counts also where core_pattern is a pipe, which no limit stops.
 * @returns what could not be set; undefined when all was
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
