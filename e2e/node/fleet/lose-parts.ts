import { waitUntil } from '../../cluster/wait.ts';
import { keepLogs } from '../support/kept-logs.ts';
import { podsOf, releaseNamespace, signalPod } from '../support/release.ts';
import { churning, minutely, type FleetContext } from './fleet-context.ts';
import { untilIndexIsWhole } from './fleet-state.ts';

/** What was lost, and the time until everything was back. */
export interface Loss {
  readonly replicas: number;
  readonly ms: number;
}

/**
 * Kills every replica of the controller, Redis and the API server with SIGKILL, one right after another, and ends when
 * new ones serve. Redis loses its data for good.
 * @param whenDown called while none of them runs
 */
export async function loseEachPart(context: FleetContext, whenDown: () => void = () => undefined): Promise<Loss> {
  const { cluster } = context;
  const startedAt = performance.now();
  await keepLogs(cluster);
  const replicas = await podsOf(cluster, 'renewal-controller');
  const pods = [...replicas, ...(await podsOf(cluster, 'redis'))];
  const place = ['--namespace', releaseNamespace];
  await Promise.all(pods.map((pod) => signalPod(cluster, pod, 'SIGKILL')));
  // The data of Redis goes with its pod, and the kubelet would delay each further restart of the same pods.
  const names = pods.map(({ metadata: { name } }) => name);
  await cluster.kubectl(['delete', 'pod', ...names, '--force', '--grace-period=0', '--wait=false', ...place]);
  await cluster.apiServer.kill('SIGKILL');
  whenDown();
  await cluster.apiServer.start();
  // Without an API server they exit, and are started again only a few times.
  for (const component of [cluster.controllerManager, cluster.scheduler]) {
    if (!component.running) await component.start();
  }

  const redis = 'pod/certfleet-redis-0';
  await cluster.kubectl(['wait', '--for=create', redis, '--timeout=90s', ...place]);
  await cluster.kubectl(['wait', '--for=condition=Ready', redis, '--timeout=120s', ...place]);
  await cluster.kubectl(['rollout', 'status', 'deployment/certfleet-controller', '--timeout=120s', ...place]);
  await untilIndexIsWhole(context, 120_000);
  return { replicas: replicas.length, ms: Math.round(performance.now() - startedAt) };
}

/**
 * From now on parts may be lost: certificates of a minute and less may expire, and agents may replace requests.
 * @returns what ends that, once all of these certificates are valid again
 */
export function beginLosses({ reader, outages }: FleetContext): () => Promise<void> {
  const short = [...minutely, churning];
  const end = outages.begin();
  const forbid = reader.tolerateExpiry(short);
  const isValid = (pod: string): boolean => (reader.seenBy(pod).at(-1)?.notAfterMs ?? 0) > Date.now() + 5_000;
  return async () => {
    await waitUntil('valid short certificates', () => Promise.resolve(short.every(isValid)), { timeoutMs: 120_000 });
    forbid();
    end();
  };
}
