import type { Cluster } from '../../cluster/cluster.ts';
import { defaultNamespace, mountPath } from './certificate-pod.ts';

/** A file as seen by a process in the pod. */
interface PodFile {
  /** Octal digits, `440`. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly content: Buffer;
}

/** Files by name. */
export type PodFiles = ReadonlyMap<string, PodFile>;

/** A pod's name and namespace. */
export interface PodRef {
  readonly name: string;
  readonly namespace?: string;
}

/** Runs a shell script in a pod and returns its output. */
export async function execInPod(cluster: Cluster, pod: PodRef, script: string): Promise<string> {
  const { name, namespace = defaultNamespace } = pod;
  return (await cluster.kubectl(['exec', name, '--namespace', namespace, '--', 'sh', '-c', script])).stdout;
}

/** Reads every file of these volumes inside the pod, as the user of its process, with one command. */
export async function readVolumes(
  cluster: Cluster,
  pod: PodRef,
  volumes: readonly string[],
): Promise<ReadonlyMap<string, PodFiles>> {
  const folders = volumes.map(mountPath).join(' ');
  const script = `for d in ${folders}; do for f in "$d"/*; do [ -f "$f" ] || continue
    stat -L -c '%n|%a|%u|%g' "$f"; base64 -w 0 "$f"; echo; done; done`;
  const lines = (await execInPod(cluster, pod, script)).trimEnd().split('\n');
  const found = new Map<string, Map<string, PodFile>>(volumes.map((volume) => [volume, new Map()]));
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [path = '', mode = '', uid, gid] = (lines[i] ?? '').split('|');
    const [, , volume = '', name = ''] = path.split('/');
    const content = Buffer.from(lines[i + 1] ?? '', 'base64');
    found.get(volume)?.set(name, { mode, uid: Number(uid), gid: Number(gid), content });
  }
  return found;
}

export async function readFiles(cluster: Cluster, pod: PodRef, volume: string): Promise<PodFiles> {
  return (await readVolumes(cluster, pod, [volume])).get(volume) ?? new Map();
}

/** The text of a required file. */
export function textOf(files: PodFiles, name: string): string {
  const file = files.get(name);
  if (file === undefined) throw new Error(`expected ${name}, found ${[...files.keys()].join(', ') || 'no file'}`);
  return file.content.toString();
}
