import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';

import { decodeVolumeRecord } from '../../../apps/node-agent/src/storage/volume-record-json.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { waitUntil } from '../../cluster/wait.ts';
import { volumesRoot } from '../support/node-state.ts';
import { decodeVolume } from '../../../apps/renewal-controller/src/fleet-index/model/volume-json.ts';
import type { Nodes } from '../../../libs/operator-api/src/nodes.ts';
import type { Renewal, Renewals } from '../../../libs/operator-api/src/renewals.ts';
import type { VolumeRow } from '../../../libs/operator-api/src/volumes.ts';
import type { FleetContext } from './fleet-context.ts';
import { podOf } from './request-log.ts';
import type { LoggedRequest } from './request-log.ts';

/** A volume as the node has it, which is authoritative. */
export type NodeVolume = Pick<VolumeRow, 'volumeId' | 'pod' | 'generation'>;

/** The agent's records on the node. */
export async function volumesOnNode(cluster: Cluster): Promise<readonly NodeVolume[]> {
  const root = cluster.nodePath(volumesRoot);
  const names = (await readdir(root)).filter((name) => !name.startsWith('.'));
  return Promise.all(
    names.map(async (name) => {
      const record = decodeVolumeRecord(await readFile(`${root}/${name}/volume.json`, 'utf8'));
      const { volumeId, generation, attributes } = record;
      return { volumeId, generation, pod: attributes['csi.storage.k8s.io/pod.name'] ?? '' };
    }),
  );
}

/** The volumes that the controller lists. */
export async function listedVolumes({ api, tokens }: FleetContext): Promise<readonly VolumeRow[]> {
  return (await api.json<{ readonly volumes: readonly VolumeRow[] }>(tokens.viewer, 'list')).volumes;
}

/** Whether the controller considers the one node silent. */
export async function isNodeSilent({ api, tokens, cluster }: FleetContext): Promise<boolean> {
  const { nodes } = await api.json<Nodes>(tokens.viewer, 'nodes');
  assert.deepEqual(
    nodes.map(({ node }) => node),
    [cluster.nodeName],
  );
  return nodes.some((node) => node.isSilent);
}

/** The current state of a requested renewal. */
export async function renewalOf({ api, tokens }: FleetContext, id: string): Promise<Renewal> {
  const { renewals } = await api.json<Renewals>(tokens.viewer, 'status');
  const found = renewals.find((each) => each.id === id);
  assert.ok(found, `no renewal ${id} among ${renewals.map((each) => each.id).join(', ')}`);
  return found;
}

/** Waits until a condition on the API holds; it does not hold while the API does not respond. */
export async function untilApi(what: string, holds: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  let last = '';
  const isSo = async (): Promise<boolean> => {
    try {
      return await holds();
    } catch (error) {
      last = String(error);
      return false;
    }
  };
  await waitUntil(what, isSo, { timeoutMs, intervalMs: 200, explain: () => Promise.resolve(last) });
}

/** Repeats a change until the API server accepts it: another suite may have killed it. */
export async function untilAccepted(what: string, change: () => Promise<unknown>): Promise<void> {
  const isAccepted = async (): Promise<boolean> => {
    await change();
    return true;
  };
  await untilApi(`${what} to be accepted`, isAccepted, 120_000);
}

/**
 * Waits until index and controller show exactly the node's volumes with their current state. @returns the time in
 * milliseconds
 */
export async function untilIndexIsWhole(context: FleetContext, timeoutMs = 60_000): Promise<number> {
  const startedAt = performance.now();
  let difference = '';
  const isWhole = async (): Promise<boolean> => {
    const { cluster, redis } = context;
    const word = ({ volumeId, pod, generation }: NodeVolume): string => `${pod} ${volumeId} ${generation}`;
    const [listed, actual] = [await listedVolumes(context), await volumesOnNode(cluster)];
    const real = new Set(actual.map(word));
    const differs = (some: readonly NodeVolume[]): boolean => {
      const others = [...real.symmetricDifference(new Set(some.map(word)))];
      difference = others.sort().join(', ');
      return others.length > 0;
    };
    if (listed.length !== actual.length || differs(listed)) return false;
    // Each question to Redis starts a process.
    const stored = Object.entries(await redis.index(cluster.nodeName)).flatMap(
      ([id, json]) => decodeVolume(cluster.nodeName, id, json) ?? [],
    );
    return !differs(stored);
  };
  try {
    await untilApi('the index to be complete', isWhole, timeoutMs);
  } catch (cause) {
    throw new Error(`node and list, or node and index, differ by: ${difference}`, { cause });
  }
  return Math.round(performance.now() - startedAt);
}

/**
 * Checks that each volume's generation, its requests and the certificates that its pod has seen are the same number:
 * nothing was renewed twice, and no request was unused. During an outage, an agent may replace a request without answer.
 * @param pods all of them by default
 */
export async function expectEachOnce(context: FleetContext, pods?: readonly string[]): Promise<void> {
  const { cluster, requests: log, reader, outages } = context;
  /** The requests of a pod; those for one generation count once if one of them was made during an outage. */
  const countOf = (own: readonly LoggedRequest[]): number => {
    const during = own.filter(({ createdAtMs }) => outages.includes(createdAtMs));
    const disturbed = new Set(during.map(({ generation }) => generation));
    return new Set(own.map(({ name, generation }) => (disturbed.has(generation) ? generation : name))).size;
  };
  const counts = async (): Promise<{ readonly expected: unknown; readonly found: unknown }> => {
    const volumes = (await volumesOnNode(cluster)).filter(({ pod }) => pods?.includes(pod) !== false);
    const requests = await log.read();
    const generations = volumes.map(({ pod, generation }) => [pod, generation, generation]);
    const observed = volumes.map(({ pod }) => {
      const made = countOf(requests.filter(({ name }) => podOf(name) === pod));
      return [pod, made, new Set(reader.seenBy(pod).map(({ serial }) => serial)).size];
    });
    return { expected: generations.sort(), found: observed.sort() };
  };
  // An active renewal creates its request first, then its files, then its record.
  const isEqual = async (): Promise<boolean> => {
    const { expected, found } = await counts();
    return JSON.stringify(expected) === JSON.stringify(found);
  };
  await waitUntil('each certificate to be counted', isEqual, { timeoutMs: 5_000, intervalMs: 200 }).catch(async () => {
    const { expected, found } = await counts();
    assert.deepEqual(found, expected, 'pod, requests made for it, certificates seen by it');
  });
}
