/** The operations on the node's mount table that volumes need. Every path is absolute. */
export interface Mounter {
  /** Mounts a tmpfs of at most `sizeBytes`, mode 0700, nosuid,nodev,noexec, and noswap if the kernel supports it. */
  mountTmpfs(target: string, sizeBytes: number): Promise<void>;
  /**
   * Changes the size of the tmpfs that is mounted there and keeps its content.
   * @throws CertfleetError resource-exhausted if it contains more than the new size
   */
  resizeTmpfs(target: string, sizeBytes: number): Promise<void>;
  /** Bind-mounts a directory read-only (bind, then remount,bind,ro). On an error, a partial mount is undone first. */
  bindReadOnly(source: string, target: string): Promise<void>;
  /** Makes the mount at the target read-only, as `bindReadOnly` does. */
  makeReadOnly(target: string): Promise<void>;
  /** Unmounts every mount stacked on the target; resolves if there is none. */
  unmount(target: string): Promise<void>;
  /**
   * Whether something is mounted at exactly this path, according to the kernel. Symbolic links on the way to the target
   * are followed; a target that is itself a link is not a mount.
   */
  isMounted(target: string): Promise<boolean>;
  /**
   * Whether the target is a mount of exactly that directory: the same device and inode. False if either is missing or a
   * symbolic link, and if the mount shows a directory that has been deleted or replaced.
   */
  shows(source: string, target: string): Promise<boolean>;
}
