import * as nodeFs from 'node:fs';

/**
 * The file system calls that storage uses; tests substitute one that crashes at a chosen step.
 *
 * They are synchronous on purpose. All files have a few KB on a tmpfs, which never waits for a disk: writing a volume's
 * files takes 0.2 ms. Through libuv's thread pool it costs four times the CPU, and each of about forty calls can queue
 * for seconds behind the generation of RSA keys. No other code runs between the steps of one operation.
 *
 * Nothing is flushed: written data survives a crash of the agent, and no flush makes a tmpfs survive the node.
 */
export type FileSystem = Pick<
  typeof nodeFs,
  | 'chmodSync'
  | 'chownSync'
  | 'closeSync'
  | 'existsSync'
  | 'fchmodSync'
  | 'fchownSync'
  | 'lstatSync'
  | 'mkdirSync'
  | 'openSync'
  | 'readdirSync'
  | 'readFileSync'
  | 'readlinkSync'
  | 'realpathSync'
  | 'renameSync'
  | 'rmSync'
  | 'rmdirSync'
  | 'statfsSync'
  | 'symlinkSync'
  | 'unlinkSync'
  | 'writeFileSync'
>;

/** The system's calls. */
export const systemFiles: FileSystem = nodeFs;
