/** The node's mount table, as far as a volume needs it. Every path is absolute. */
export interface Mounter {
  /** Mounts a tmpfs of at most `sizeBytes`, mode 0700, nosuid,nodev,noexec and noswap where the kernel has it. */
  mountTmpfs(target: string, sizeBytes: number): Promise<void>;
  /** Bind-mounts a directory read-only (bind, then remount,bind,ro): a half-done mount is undone before the error. */
  bindReadOnly(source: string, target: string): Promise<void>;
  /** Unmounts every mount stacked on the target; resolves when there is none, also when there never was. */
  unmount(target: string): Promise<void>;
  /** Whether something is mounted exactly there. */
  isMounted(target: string): Promise<boolean>;
}
