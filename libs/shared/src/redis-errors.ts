/**
 * The meaning of a Redis command's error for its caller.
 *
 * - `unreachable`: no response; the connection is lost or silent.
 * - `not-primary`: the server does not accept writes (any more): a replica, or a primary being replaced.
 * - `busy`: the server responds but cannot run this command now (loading data, running a script, no slots).
 * - `refuses-writes`: the primary rejects writes: memory is full, its disk fails, or replicas are missing.
 * - `forbidden`: credentials or a permission are missing.
 * - `no-script`: the server does not have the script.
 * - `other`: the command itself was rejected, or the error is not from Redis.
 */
export type RedisFault =
  'unreachable' | 'not-primary' | 'busy' | 'refuses-writes' | 'forbidden' | 'no-script' | 'other';

/** ioredis' messages for commands without a response; few of these errors have a class, and none is exported. */
const noAnswer = new RegExp(
  [
    "^Stream isn't writeable",
    '^Connection is closed',
    '^Command timed out',
    '^Command aborted due to connection close',
    '^Reached the max retries per request limit',
    '^Failed to refresh slots cache',
    '^All sentinels are unreachable',
    '^Socket timeout',
    '^connect ETIMEDOUT',
  ].join('|'),
);

const faultOfCode: Readonly<Record<string, RedisFault>> = {
  READONLY: 'not-primary',
  UNBLOCKED: 'not-primary',
  MASTERDOWN: 'not-primary',
  LOADING: 'busy',
  BUSY: 'busy',
  TRYAGAIN: 'busy',
  CLUSTERDOWN: 'busy',
  OOM: 'refuses-writes',
  MISCONF: 'refuses-writes',
  NOREPLICAS: 'refuses-writes',
  NOPERM: 'forbidden',
  NOAUTH: 'forbidden',
  WRONGPASS: 'forbidden',
  NOSCRIPT: 'no-script',
};

const codes = Object.keys(faultOfCode).join('|');
/** A reply begins with its code. */
const plain = new RegExp(`^-?(?<code>${codes})(?: |$)`);
/** Redis 6.2 wraps the error of a command in a script; a transaction wraps that of a command in it. */
const wrapped = new RegExp(`^-?(?:ERR Error (?:running|compiling) script|EXECABORT) .*?[-: ](?<code>${codes}) `, 's');
/** A script with a forbidden command has no error code: the first form is Redis 7's, the second 6.2's. */
const forbiddenInScript = /^-?ERR (?:ACL failure in script: |.*The user executing the script can't )/s;
const tooManyClients = /^-?ERR max number of clients reached/;

/** Classifies an error of a Redis command for all server versions. */
export function redisFault(thrown: unknown): RedisFault {
  if (!(thrown instanceof Error)) return 'other';
  const { message } = thrown;
  if (noAnswer.test(message)) return 'unreachable';
  const code = (plain.exec(message) ?? wrapped.exec(message))?.groups?.['code'] ?? '';
  const fault = faultOfCode[code];
  if (fault !== undefined) return fault;
  if (forbiddenInScript.test(message)) return 'forbidden';
  if (tooManyClients.test(message)) return 'busy';
  // Socket errors have no fixed text.
  return 'syscall' in thrown ? 'unreachable' : 'other';
}

const reconnectGapMs = 1_000;

/**
 * ioredis' `reconnectOnError`: after a response of a server that is no longer the primary, the client reconnects, which
 * queries DNS or the Sentinels again, and resends the command. At most once a second, because a server may stay a
 * replica: in between the caller gets the error.
 * @param monotonicMs monotonic time in milliseconds
 */
export function reconnectOnFault(
  monotonicMs: () => number,
  onFault: (fault: RedisFault, error: Error) => void = () => undefined,
): (error: Error) => false | 1 | 2 {
  let lastMs = -Infinity;
  return (error) => {
    const fault = redisFault(error);
    if (fault === 'other' || fault === 'no-script') return false;
    onFault(fault, error);
    const isElsewhere = fault === 'not-primary' || mayBeElsewhere.test(error.message);
    if (!isElsewhere || monotonicMs() - lastMs < reconnectGapMs) return false;
    lastMs = monotonicMs();
    return fault === 'not-primary' ? 2 : 1;
  };
}

/**
 * An old primary that lost its replicas or its disk, or a server that loads another's data: the name may now resolve to
 * another server.
 */
const mayBeElsewhere = /(?:^|[-: ])(?:MISCONF|NOREPLICAS|LOADING) /;
