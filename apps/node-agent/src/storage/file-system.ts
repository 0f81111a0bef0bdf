import * as nodeFs from 'node:fs';

/**
 * The file calls that storage is made of; tests put one that dies at a chosen step in its place.
 *
 * They are synchronous on purpose. Everything here is a few KB on a tmpfs, which never waits for a disk: writing a
 * volume's files takes 0.2 ms, against four times the CPU through libuv's thread pool, where each of some forty hops can
 * also queue for seconds behind RSA keys being generated. And nothing can come between the steps of one call.
 *
 * Nothing is flushed: what was written outlives the agent, however it dies, and no flush lets a tmpfs outlive the node.
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

/** The system's own. */
export const systemFiles: FileSystem = nodeFs;
