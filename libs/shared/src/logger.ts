import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

export type { Logger };

/** Fields that never reach the output, whatever object they stand in (a second net below Secret). */
const secretFields = ['password', 'token', 'privateKey', 'secret', 'secrets', 'authorization', 'volumeContext'];

/**
 * The process's logger: one JSON object a line, constant message plus fields.
 * `verbosity` follows klog's habit: 0 and 1 are info, from 2 on debug, from 5 on trace.
 */
export function createLogger(verbosity: number, destination?: DestinationStream): Logger {
  const options = {
    level: verbosity >= 5 ? 'trace' : verbosity >= 2 ? 'debug' : 'info',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: secretFields.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
