/** What ioredis says of a command that got no answer; few of these errors have a class, and none is exported. */
const words = new RegExp(
  [
    "^Stream isn't writeable",
    '^Connection is closed',
    '^Command timed out',
    '^Command aborted due to connection close',
    '^Reached the max retries per request limit',
    '^Failed to refresh slots cache',
    '^All sentinels are unreachable',
    // Replies of a server that cannot serve yet, or no more.
    '^(?:LOADING|MASTERDOWN|CLUSTERDOWN|READONLY|TRYAGAIN) ',
  ].join('|'),
);

/** Whether an error says that Redis was not there for a command, and not that it refused what it was asked. */
export function isRedisAway(thrown: unknown): boolean {
  return thrown instanceof Error && words.test(thrown.message);
}
