import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

export type { Logger };

/** Fields that are redacted in a log line and in its objects (a second protection after Secret). */
const secretFields: ReadonlySet<string> = new Set([
  'password',
  'token',
  'privateKey',
  'secret',
  'secrets',
  'authorization',
  'volumeContext',
]);

/**
 * The process's logger: one JSON object per line, a constant message plus fields. `verbosity` follows klog: 0 and 1 are
 * info, from 2 on debug, from 5 on trace.
 *
 * Each line is written synchronously: the last one before _exit(2) or a crash is not lost, and a write to the container
 * runtime's pipe costs less than one through libuv's thread pool.
 */
export function createLogger(
  verbosity: number,
  destination: DestinationStream = pino.destination({ fd: 1, sync: true }),
): Logger {
  const options = {
    level: verbosity >= 5 ? 'trace' : verbosity >= 2 ? 'debug' : 'info',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    // Not pino's own redaction: it parses its paths again for each line, which cost a twelfth of the memory of a mount.
    formatters: { level: (label: string) => ({ level: label }), log: redact },
  };
  return pino(options, destination);
}

/** Redacts the secret fields of a line, also one level down. */
function redact(fields: object): Record<string, unknown> {
  return crossOut(fields, (value) => (hasFields(value) ? crossOut(value, (inner) => inner) : value));
}

function crossOut(fields: object, convert: (value: unknown) => unknown): Record<string, unknown> {
  const entries = Object.entries(fields);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, secretFields.has(name) ? '[redacted]' : convert(value)]),
  );
}

/** Whether JSON shows a value field by field. */
function hasFields(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || value instanceof Error) return false;
  return !Array.isArray(value) && !('toJSON' in value);
}
