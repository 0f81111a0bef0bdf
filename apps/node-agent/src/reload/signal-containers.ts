import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ReloadSignal } from '../spec/volume-spec.ts';
import { containerOf, isContainerInit, readProcess } from './container-process.ts';
import type { ProcessCalls } from './process-calls.ts';

/** Processes that are looked at before other work gets its turn; each takes about 20 µs. */
const processesPerTurn = 100;

export interface SignalContainersOptions {
  readonly calls: ProcessCalls;
  /** Of the node's processes. */
  readonly procPath?: string;
}

/** Containers of one pod, by the ids of the container runtime. */
export interface SignalOrder {
  readonly podUid: string;
  readonly containerIds: readonly string[];
  readonly signal: ReloadSignal;
}

/**
 * Sends a signal to process 1 of containers of a pod.
 *
 * A process number can be given to another process at any time. So the process is opened first and identified then: what
 * /proc shows under its number is the opened process, or the opened process has ended and gets no signal. No other
 * process can be signalled. If process 1 has no handler for the signal, the kernel ignores it.
 * @returns the ids of the containers whose process was found and signalled; others have none at this moment
 * @throws CertfleetError permission-denied or internal if the kernel refuses
 */
export async function signalContainers(
  { calls, procPath = '/proc' }: SignalContainersOptions,
  { podUid, containerIds, signal }: SignalOrder,
): Promise<ReadonlySet<string>> {
  const signalled = new Set<string>();
  const ownStatus = readProcess(procPath, 'self').status;
  const initOf = (pid: number): string | undefined => {
    const files = readProcess(procPath, pid);
    const containerId = containerOf(files.cgroup)?.containerId;
    if (containerId === undefined || !containerIds.includes(containerId)) return undefined;
    return isContainerInit(files, { podUid, containerId }, ownStatus) ? containerId : undefined;
  };
  for (const [index, pid] of processNumbers(procPath).entries()) {
    if (index % processesPerTurn === processesPerTurn - 1) await setImmediate();
    const containerId = initOf(pid);
    if (containerId === undefined || signalled.has(containerId)) continue;
    const isThere = (): boolean => initOf(pid) === containerId;
    if (signalProcess(calls, pid, { signal, isThere })) signalled.add(containerId);
    if (signalled.size === containerIds.length) break;
  }
  return signalled;
}

function processNumbers(procPath: string): readonly number[] {
  return readdirSync(procPath).flatMap((name) => (/^[1-9]\d*$/.test(name) ? [Number(name)] : []));
}

/** @returns whether the process was there and was signalled */
function signalProcess(
  calls: ProcessCalls,
  pid: number,
  { signal, isThere }: { readonly signal: ReloadSignal; readonly isThere: () => boolean },
): boolean {
  const opened = calls.open(pid);
  if (typeof opened === 'number') return isGone(opened, signal);
  try {
    if (!isThere()) return false;
    const errno = opened.send(signal);
    return errno === 0 || isGone(errno, signal);
  } finally {
    opened.close();
  }
}

/**
 * @returns false if the process has ended
 * @throws CertfleetError for every other errno
 */
function isGone(errno: number, signal: ReloadSignal): false {
  const { ESRCH, EPERM, ENOSYS } = constants.errno;
  if (errno === ESRCH) return false;
  if (errno === EPERM)
    throw new CertfleetError('permission-denied', `the kernel does not allow ${signal}: the agent lacks CAP_KILL`);
  const why = errno === ENOSYS ? 'the kernel has no pidfd_open (Linux 5.3)' : `errno ${errno}`;
  throw new CertfleetError('internal', `cannot send ${signal}: ${why}`);
}
