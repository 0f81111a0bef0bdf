import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { loadMountCalls, mountFlags } from './mount-calls.ts';
import { mountError } from './mount-error.ts';
import type { Mounter } from './mounter.ts';

export interface HandOverMount {
  /** The agent's tmpfs. */
  readonly root: string;
  /** Where csi-driver looks for its own. */
  readonly upstreamRoot: string;
}

/**
 * Also mounts the agent's tmpfs where csi-driver looks for its own, so that csi-driver uses the directories that are
 * mounted in pods. Does nothing if it is mounted there.
 * @throws CertfleetError failed-precondition if volumes of csi-driver are there
 */
export function mountForUpstream(place: HandOverMount): void {
  const { root, upstreamRoot } = place;
  mkdirSync(upstreamRoot, { recursive: true, mode: 0o700 });
  if (isShared(place)) return;
  if (readdirSync(upstreamRoot).length > 0) {
    throw new CertfleetError(
      'failed-precondition',
      `hand-over: expected ${upstreamRoot} to be empty, found volumes of cert-manager's csi-driver: restart the pods of ` +
        'the volumes that were taken over, or roll back without app.driver.handOver and restart the other pods',
    );
  }
  const result = loadMountCalls().mount(root, upstreamRoot, { flags: mountFlags.bind });
  if (result !== 0) throw mountError('bind-mount', root, result);
}

/** Ends what `mountForUpstream` began; a file system of csi-driver itself stays. */
export async function unmountForUpstream(place: HandOverMount, mounter: Mounter): Promise<void> {
  if (isShared(place)) await mounter.unmount(place.upstreamRoot);
}

/** The root of one file system has the same number wherever it is mounted. */
function isShared({ root, upstreamRoot }: HandOverMount): boolean {
  if (!existsSync(upstreamRoot)) return false;
  const [own, theirs] = [statSync(root), statSync(upstreamRoot)];
  return own.dev === theirs.dev && own.ino === theirs.ino;
}
