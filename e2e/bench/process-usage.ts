import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The memory of a process in MB (10^6 bytes). */
export interface ProcessMemory {
  /** All resident pages, including those of the node binary and of libraries. */
  readonly residentMb: number;
  /** Pages without a file: heaps and stacks, which processes cannot share. */
  readonly anonymousMb: number;
}

/** Memory as counted by the kernel (proc_pid_smaps(5)). */
export function memoryOf(pid: number): ProcessMemory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const field = (name: string): number =>
    (Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * 1024) / 1e6;
  return { residentMb: field('Rss'), anonymousMb: field('Anonymous') };
}

/** Seconds of CPU that a process has used, in user and kernel mode (proc_pid_stat(5), fields 14 and 15). */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field is the command in parentheses, which may contain anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'latin1' }));
