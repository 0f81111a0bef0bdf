/**
 * What an error of a Redis command means for its caller.
 *
 * - `unreachable`: no answer; the connection is gone or silent.
 * - `not-primary`: a server answered that does not take writes (any more): a replica, or one that is being replaced.
 * - `busy`: the server answers, but not this command now (it loads its data, runs a script, has no slots).
 * - `refuses-writes`: the primary takes no writes: memory is full, its disk fails, or it misses its replicas.
 * - `forbidden`: credentials or a right are missing.
 * - `no-script`: the server does not have the script.
 * - `other`: the command itself was refused, or the error is not of Redis.
 */
export type RedisFault =
  'unreachable' | 'not-primary' | 'busy' | 'refuses-writes' | 'forbidden' | 'no-script' | 'other';

/** What ioredis says of a command that got no answer; few of these errors have a class, and none is exported. */
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
/** Redis 6.2 wraps the error of a command in a script, a transaction that of a command in it. */
const wrapped = new RegExp(`^-?(?:ERR Error (?:running|compiling) script|EXECABORT) .*?[-: ](?<code>${codes}) `, 's');
/** A script of which a command is forbidden has no code of its own: the first is that of Redis 7, the second of 6.2. */
const forbiddenInScript = /^-?ERR (?:ACL failure in script: |.*The user executing the script can't )/s;
const tooManyClients = /^-?ERR max number of clients reached/;

/** Classifies an error of a Redis command, whatever form the server's version gives it. */
export function redisFault(thrown: unknown): RedisFault {
  if (!(thrown instanceof Error)) return 'other';
  const { message } = thrown;
  if (noAnswer.test(message)) return 'unreachable';
  const code = (plain.exec(message) ?? wrapped.exec(message))?.groups?.['code'] ?? '';
  const fault = faultOfCode[code];
  if (fault !== undefined) return fault;
  if (forbiddenInScript.test(message)) return 'forbidden';
  if (tooManyClients.test(message)) return 'busy';
  // Errors of sockets, which have no text of their own.
  return 'syscall' in thrown ? 'unreachable' : 'other';
}

const reconnectGapMs = 1_000;

/**
 * ioredis' `reconnectOnError`: what a server says that is no longer the primary makes the client connect anew, which asks
 * DNS or the Sentinels again, and send the command there. At most once a second, since a server may be a replica for
 * good: in between the caller gets the error. @param monotonicMs time that no clock change moves
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

/** An old primary that lost its replicas or its disk, or one that loads another's data: the name may lead elsewhere now. */
const mayBeElsewhere = /(?:^|[-: ])(?:MISCONF|NOREPLICAS|LOADING) /;
