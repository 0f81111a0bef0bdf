/** The part of an ioredis client that is needed here; a Cluster tells of each client of a server that it makes. */
interface RedisClientLike {
  readonly options: object;
  on(event: '+node', listener: (node: { readonly options: object }) => void): unknown;
}

/**
 * Lets a client read its password at each connection that it makes: a password is rotated while clients live for months,
 * and Redis leaves connections alone that stand. Call it for a copy of a client too. A Cluster's servers are covered.
 */
export function useFreshPassword(
  client: RedisClientLike,
  read: () => string | undefined,
  option: 'password' | 'sentinelPassword' = 'password',
): void {
  const define = (options: object): void =>
    void Object.defineProperty(options, option, { get: read, enumerable: true, configurable: true });
  define(client.options);
  if (option === 'password') client.on('+node', ({ options }) => define(options));
}

/** Reads a secret anew at each call; what cannot be read (it is being replaced) does not take the place of what could. */
export function lastReadable<T>(read: () => T): () => T {
  let last = read();
  return () => {
    try {
      last = read();
    } catch {
      // The server says so when the last one is no longer good.
    }
    return last;
  };
}
