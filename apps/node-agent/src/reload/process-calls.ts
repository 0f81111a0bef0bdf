import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import koffi from 'koffi';
import type { ReloadSignal } from '../spec/volume-spec.ts';

/** A process that stays the same: after its end, its descriptor refers to no other process, whatever its number. */
interface ProcessHandle {
  /** Sends the signal; 0, or the errno of the failure. */
  send(signal: ReloadSignal): number;
  close(): void;
}

/** Opens processes by their numbers. */
export interface ProcessCalls {
  /** @returns the process, or the errno of the failure */
  open(pid: number): ProcessHandle | number;
}

/** Numbers of system calls; from 424 on, they are the same on every architecture that Node supports. */
const callNumbers = { pidfdSendSignal: 424, pidfdOpen: 434 } as const;

type NativeSyscall = (...values: [call: number, number, number, null, number]) => number;

/**
 * pidfd_open(2) and pidfd_send_signal(2), in Linux since 5.3, through koffi. syscall(2) is used because C libraries
 * before glibc 2.36 have no functions for them.
 */
export function loadProcessCalls(): ProcessCalls {
  const syscall = koffi
    .load(null)
    .func('long syscall(long call, long first, long second, void *third, unsigned long fourth)') as NativeSyscall;
  return {
    open: (pid) => {
      const descriptor = syscall(callNumbers.pidfdOpen, pid, 0, null, 0);
      if (descriptor < 0) return koffi.errno();
      return {
        send: (signal) => {
          const number = constants.signals[signal];
          return syscall(callNumbers.pidfdSendSignal, descriptor, number, null, 0) === 0 ? 0 : koffi.errno();
        },
        close: () => closeSync(descriptor),
      };
    },
  };
}
