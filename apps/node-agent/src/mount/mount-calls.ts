import koffi from 'koffi';

/** The two system calls that change the mount table. Each returns 0, or the errno of its failure. */
export interface MountCalls {
  /** mount(2); source, file system type and data may be null, as for a remount. */
  mount(source: string | null, target: string, options: MountOptions): number;
  /** umount2(2). */
  umount(target: string, flags: number): number;
}

/** The arguments of mount(2) other than the two paths. */
interface MountOptions {
  readonly fileSystem?: string;
  /** MS_* bits, see `mountFlags`. */
  readonly flags: number;
  readonly data?: string;
}

/** MS_* of linux/mount.h, the same on every architecture. */
export const mountFlags = { readOnly: 1, noSuid: 2, noDev: 4, noExec: 8, remount: 32, bind: 4096 } as const;

/** MNT_DETACH and UMOUNT_NOFOLLOW of linux/fs.h. */
export const unmountFlags = { detach: 2, noFollow: 8 } as const;

type NativeMount = (...values: [string | null, string, string | null, number, string | null]) => number;
type NativeUnmount = (target: string, flags: number) => number;

/**
 * The calls of the C library that this process uses (glibc or musl), through koffi.
 *
 * They run on the calling thread. A bind with its remount takes 10 µs and an unmount 35 µs (0.2 ms each with 50 mount
 * namespaces to propagate to); mount(8) and umount(8) take 1.5 ms of wall time and 2 ms of CPU each. koffi's
 * asynchronous calls would queue in libuv's pool, where the generation of RSA keys can delay them for seconds, and cost
 * seven times the CPU. Threads have no advantage: the kernel serialises changes under one namespace_sem.
 */
export function loadMountCalls(): MountCalls {
  const library = koffi.load(null);
  const mount = library.func(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
  ) as NativeMount;
  const umount2 = library.func('int umount2(const char *target, int flags)') as NativeUnmount;
  return {
    mount: (source, target, { fileSystem, flags, data }) =>
      mount(source, target, fileSystem ?? null, flags, data ?? null) === 0 ? 0 : koffi.errno(),
    umount: (target, flags) => (umount2(target, flags) === 0 ? 0 : koffi.errno()),
  };
}
