import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

export type { Logger };

/** Fields that never reach the output, whatever object they stand in (a second net below Secret). */
const secretFields = ['password', 'token', 'privateKey', 'secret', 'secrets', 'authorization', 'volumeContext'];

/**
 * The process's logger: one JSON object a line, constant message plus fields.
 * `verbosity` follows klog's habit: 0 and 1 are info, from 2 on debug, from 5 on trace.
 *
 * Each line is written when it is logged: the last one before _exit(2) or a crash is not lost, and a write to the
 * container runtime's pipe costs less than its way through libuv's thread pool.
 */
export function createLogger(
  verbosity: number,
  destination: DestinationStream = pino.destination({ fd: 1, sync: true }),
): Logger {
  const options = {
    level: verbosity >= 5 ? 'trace' : verbosity >= 2 ? 'debug' : 'info',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: secretFields.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
  };
  return pino(options, destination);
}
