import { readFileSync } from 'node:fs';

/** A process that cannot be taken for a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to its start, as /proc tells them. */
  readonly startTime: string;
  readonly bootId: string;
}

/** Identity of a running process; null when it has ended. */
export function identify(pid: number): ProcessIdentity | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The second field is the command's name in parentheses and may itself hold spaces and parentheses.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTime = fields[18];
  if (state === 'Z' || startTime === undefined) return null;
  return { pid, startTime, bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() };
}

/** Whether that very process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  const present = identify(identity.pid);
  return present?.startTime === identity.startTime && present.bootId === identity.bootId;
}
