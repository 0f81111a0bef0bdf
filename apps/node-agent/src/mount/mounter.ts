/** The node's mount table, as far as a volume needs it. Every path is absolute. */
export interface Mounter {
  /** Mounts a tmpfs of at most `sizeBytes`, mode 0700, nosuid,nodev,noexec and noswap where the kernel has it. */
  mountTmpfs(target: string, sizeBytes: number): Promise<void>;
  /**
   * Gives the tmpfs that is mounted there another size; its content stays.
   * @throws CertfleetError resource-exhausted when it holds more than the new size
   */
  resizeTmpfs(target: string, sizeBytes: number): Promise<void>;
  /** Bind-mounts a directory read-only (bind, then remount,bind,ro): a half-done mount is undone before the error. */
  bindReadOnly(source: string, target: string): Promise<void>;
  /** Makes the mount at the target read-only, as `bindReadOnly` leaves it. */
  makeReadOnly(target: string): Promise<void>;
  /** Unmounts every mount stacked on the target; resolves when there is none, also when there never was. */
  unmount(target: string): Promise<void>;
  /**
   * Whether something is mounted exactly there. Answered by the kernel, not by a comparison of paths: symbolic links on
   * the way to the target are followed; a link in the place of the target itself is no mount.
   */
  isMounted(target: string): Promise<boolean>;
  /**
   * Whether the target is a mount that shows exactly that directory: the same device and inode. False when either is
   * missing or a symbolic link, and when the mount shows a directory that was deleted or replaced since.
   */
  shows(source: string, target: string): Promise<boolean>;
}
