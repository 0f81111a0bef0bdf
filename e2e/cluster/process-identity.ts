import { readFileSync } from 'node:fs';

/** A process identity that is safe against reuse of the pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to its start, from /proc. */
  readonly startTime: string;
  readonly bootId: string;
}

/** Identity of a running process; null when it has exited. */
export function identify(pid: number): ProcessIdentity | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The second field is the command's name in parentheses and may contain spaces and parentheses.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTime = fields[18];
  if (state === 'Z' || startTime === undefined) return null;
  return { pid, startTime, bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() };
}

/** Whether that exact process is still running. */
export function isRunning(identity: ProcessIdentity): boolean {
  const present = identify(identity.pid);
  return present?.startTime === identity.startTime && present.bootId === identity.bootId;
}
