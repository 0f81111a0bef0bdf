import koffi from 'koffi';

/**
 * Ends the process at once (_exit(2)). process.exit waits for libuv's threads, and one of them that has asked a silent
 * name server for the controller's address comes back after ten seconds and more: getaddrinfo(3) cannot be cancelled.
 */
export function endProcess(code: number): void {
  const exit = koffi.load(null).func('void _exit(int status)') as (status: number) => void;
  exit(code);
}
