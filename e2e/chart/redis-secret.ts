// The password of the chart's Redis on a real API server, with the rights of the chart's ServiceAccount.
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

import type { Cluster } from '../cluster/cluster.ts';
import { run } from '../cluster/command.ts';
import { appBundle } from '../support/app-bundle.ts';
import { chartPath } from './render-chart.ts';

const account = { name: 'certfleet-redis', namespace: 'cert-manager' };

/** A kubeconfig with a token of the ServiceAccount. */
async function kubeconfigOf(cluster: Cluster): Promise<string> {
  const create = ['create', 'token', account.name, '--namespace', account.namespace];
  const token = (await cluster.kubectl(create)).stdout.trim();
  const config = parse(await readFile(await cluster.localKubeconfig(), 'utf8')) as { users: { user: object }[] };
  for (const user of config.users) user.user = { token };
  const path = join(cluster.directory, 'redis-account.json');
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

/** Runs the program of the init container. @returns the configuration that it wrote; rejects with its error output */
export async function runRedisSecret(cluster: Cluster, name: string = account.name): Promise<string> {
  const output = join(cluster.directory, 'auth.conf');
  await rm(output, { force: true });
  const flags = [`--namespace=${account.namespace}`, `--name=${name}`, `--output=${output}`];
  const program = appBundle('renewal-controller', 'redis-secret/main.ts');
  await run([process.execPath, program, ...flags, `--kubeconfig=${await kubeconfigOf(cluster)}`]);
  return readFile(output, 'utf8');
}

/** A server-side apply of another password by the same ServiceAccount. */
export async function applyAnotherPassword(cluster: Cluster, name: string): Promise<void> {
  const input = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name },
    data: { password: 'b3RoZXI=' },
  });
  const user = `--as=system:serviceaccount:${account.namespace}:${account.name}`;
  const place = `--namespace=${account.namespace}`;
  await cluster.kubectl(['apply', '--server-side', '--field-manager=another', place, user, '-f', '-'], { input });
}

/** A copy of the chart that renders a random password, as earlier versions did. */
export async function earlierChart(directory: string): Promise<string> {
  const copy = join(directory, 'earlier-chart');
  await cp(chartPath, copy, { recursive: true });
  await writeFile(join(copy, 'templates/controller/redis-secret.yaml'), earlierTemplate);
  return copy;
}

const earlierTemplate = `{{- $password := randAlphaNum 48 }}
apiVersion: v1
kind: Secret
metadata:
  name: {{ include "certfleet.redisName" . }}
  namespace: {{ .Release.Namespace }}
type: Opaque
data:
  password: {{ $password | b64enc }}
  auth.conf: {{ printf "requirepass %s\\n" $password | b64enc }}
`;
