import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Cluster } from '../../cluster/cluster.ts';
import { certificatePod, defaultNamespace, mountPath } from '../support/certificate-pod.ts';
import type { PodObject } from '../support/pods.ts';
import { crowdIssuer } from './fleet-context.ts';
import { mountedVolume, readPayload } from './volume-reader.ts';

const directory = mountPath('data');
const server = `openssl s_server -www -quiet -accept 8443 -cert ${directory}/tls.crt -key ${directory}/tls.key`;
const crowdAttributes = { 'issuer-name': crowdIssuer, 'key-algorithm': 'ECDSA' };

/** A server that loads its files only when it is told to. */
export const stubbornServer = {
  script: `while :; do ${server} & wait $!; done`,
  restart: 'killall openssl',
  attributes: { 'probe-port': '8443' },
};
const markerFile = 'reload';

export const stubborn = {
  name: 'stubborn-server',
  attributes: {
    ...{ ...crowdAttributes, ...stubbornServer.attributes },
    ...{ 'common-name': 'stubborn-server', 'reload-marker-file': markerFile },
  },
};

/** Two workloads beside the pods of the crowd. */
export const deployments = ['shop', 'billing'] as const;

/** Logs each signal. */
const logging = `trap 'echo told' HUP; sleep infinity & while :; do wait; done`;

/** A Deployment whose pods ask for a signal. */
export function deployment(name: string, replicas: number): object {
  const attributes = { ...crowdAttributes, 'common-name': name, 'reload-signal': 'SIGHUP' };
  const { spec } = certificatePod(name, { data: attributes }, { script: logging }) as { readonly spec: object };
  const labels = { app: name };
  return {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: defaultNamespace } },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

/** How many signals a pod of a Deployment has logged. */
export async function signalsOf(cluster: Pick<Cluster, 'nodePath'>, { metadata }: PodObject): Promise<number> {
  const { namespace, name, uid } = metadata;
  const log = await readFile(cluster.nodePath(`/var/log/pods/${namespace}_${name}_${uid}/main/0.log`), 'utf8');
  return log.match(/ told$/gm)?.length ?? 0;
}

/** The lines of the marker file: the digests of certificate and CA file. */
export async function markerOf(cluster: Cluster, pod: PodObject): Promise<readonly string[]> {
  const text = await readFile(join(cluster.nodePath(mountedVolume(pod)), markerFile), 'utf8');
  return text.trimEnd().split('\n');
}

export function caFileOf(cluster: Pick<Cluster, 'nodePath'>, pod: PodObject): string {
  const [, , ca] = readPayload(cluster.nodePath(mountedVolume(pod)));
  return ca.toString();
}
