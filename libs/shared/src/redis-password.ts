/** The used part of an ioredis client; a Cluster emits an event for each server client that it creates. */
interface RedisClientLike {
  readonly options: object;
  on(event: '+node', listener: (node: { readonly options: object }) => void): unknown;
}

/**
 * Makes a client read its password for each new connection: a password may rotate while the client lives, and Redis
 * keeps established connections. Call it for each duplicate of a client too. A Cluster's server clients are included.
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

/** Reads a secret at each call. While the file cannot be read (it is being replaced), the last value is returned. */
export function lastReadable<T>(read: () => T): () => T {
  let last = read();
  return () => {
    try {
      last = read();
    } catch {
      // If the last value is no longer valid, the server reports it.
    }
    return last;
  };
}
