import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import type { Cluster } from '../../cluster/cluster.ts';
import type { ImageBuild } from '../../cluster/images/build-context.ts';
import { containerdSocket } from '../../cluster/node/containerd.ts';
import { toolPath } from '../../tools/build.ts';
import { listApi, resources } from './api-reader.ts';
import type { PodObject } from './pods.ts';

/** The root of this repository. */
export const repository = resolve(import.meta.dirname, '../../..');
export const chart = join(repository, 'helm/certfleet');
export const releaseName = 'certfleet';
export const releaseNamespace = 'certfleet';

/** Chart values by path, in the form of `helm --set-json`. */
export type Values = Readonly<Record<string, unknown>>;

/** The chart's components by the label of their objects. */
export type ComponentName = AppName | 'redis';
type AppName = 'node-agent' | 'renewal-controller' | 'pod-certificate-signer';

/** helm's flags for values. */
export function valueFlags(values: Values): readonly string[] {
  return Object.entries(values).flatMap(([path, value]) => ['--set-json', `${path}=${JSON.stringify(value)}`]);
}

/** How to build the image of an app from the current sources. */
export function appImage(app: AppName, tag: string): ImageBuild {
  return { tag: `certfleet/${app}:${tag}`, context: repository, target: app };
}

/** Builds the image of an app from the current sources and pushes it to the node's registry. */
export async function buildAppImage(cluster: Cluster, app: AppName, tag: string): Promise<void> {
  await cluster.buildImages([appImage(app, tag)]);
}

/** A file of the chart as text. */
export function chartFile(name: string): Promise<string> {
  return readFile(join(chart, name), 'utf8');
}

/** The pods of a component that are not terminating. */
export async function podsOf(cluster: Cluster, component: ComponentName): Promise<readonly PodObject[]> {
  const labelSelector = `app.kubernetes.io/name=certfleet,app.kubernetes.io/component=${component}`;
  const target = { resource: resources.pods, namespace: releaseNamespace, query: { labelSelector } };
  const pods = await listApi<PodObject>(cluster, target);
  return pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** The number of a component's pods with all containers ready. */
export async function countReady(cluster: Cluster, component: ComponentName): Promise<number> {
  const isReady = ({ status }: PodObject): boolean => status.containerStatuses?.every(({ ready }) => ready) ?? false;
  return (await podsOf(cluster, component)).filter(isReady).length;
}

/** Sends a signal to the first process of a pod's only container, without Kubernetes' handlers. */
export async function signalPod(cluster: Cluster, { metadata, status }: PodObject, signal: string): Promise<void> {
  const [container] = status.containerStatuses ?? [];
  if (container === undefined) throw new Error(`${metadata.name} has no container`);
  const id = container.containerID.replace('containerd://', '');
  const ctr = ['--address', containerdSocket, '--namespace', 'k8s.io'];
  await cluster.exec(await toolPath('ctr'), [...ctr, 'tasks', 'kill', '--signal', signal, id]);
}

/** Kills the sandbox of a pod, which the kubelet makes again with another address. */
export async function killSandbox(cluster: Cluster, { metadata: { name, namespace } }: PodObject): Promise<void> {
  const labels = { 'io.cri-containerd.kind': 'sandbox', 'io.kubernetes.pod.name': name };
  const all = Object.entries({ ...labels, 'io.kubernetes.pod.namespace': namespace });
  const filter = all.map(([key, value]) => `labels."${key}"==${value}`).join(',');
  const ctr = ['--address', containerdSocket, '--namespace', 'k8s.io'];
  const { stdout } = await cluster.exec(await toolPath('ctr'), [...ctr, 'containers', 'list', '--quiet', filter]);
  const ids = stdout.trim().split('\n');
  if (ids.length !== 1 || ids[0] === '') throw new Error(`expected one sandbox of ${name}, found ${ids.length}`);
  await cluster.exec(await toolPath('ctr'), [...ctr, 'tasks', 'kill', '--signal', 'SIGKILL', ...ids]);
}

/** Waits until a killed container has been restarted and is ready. */
export async function waitUntilRestarted(cluster: Cluster, killed: PodObject): Promise<void> {
  const restarts = killed.status.containerStatuses?.[0]?.restartCount ?? 0;
  const restarted = `--for=jsonpath={.status.containerStatuses[0].restartCount}=${restarts + 1}`;
  for (const condition of [restarted, '--for=condition=Ready']) {
    await cluster.kubectl([
      ...['wait', condition, `pod/${killed.metadata.name}`, '-n', releaseNamespace, '--timeout=90s'],
    ]);
  }
}
