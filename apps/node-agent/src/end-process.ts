import koffi from 'koffi';

/**
 * Ends the process immediately (_exit(2)). process.exit waits for libuv's threads, and a lookup of the controller's
 * address at a name server that does not answer takes ten seconds and more: getaddrinfo(3) cannot be cancelled.
 */
export function endProcess(code: number): void {
  const exit = koffi.load(null).func('void _exit(int status)') as (status: number) => void;
  exit(code);
}
