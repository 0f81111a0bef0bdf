import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startCluster, type Cluster } from '../../cluster/cluster.ts';
import { createCaIssuer, type CaIssuer } from '../../cluster/issuers.ts';
import { AgentRelease } from './agent-release.ts';
import { defaultIssuer, defaultNamespace } from './certificate-pod.ts';

/** What every suite works with. */
export interface NodeContext {
  readonly cluster: Cluster;
  readonly agent: AgentRelease;
  /** The ClusterIssuer of volumes that name no other. */
  readonly issuer: CaIssuer;
  /** The API server's record of every write to what the agent deals with, bodies included. */
  readonly auditLog: string;
  stop(): Promise<void>;
}

/** Suites are registered before the cluster is there. */
export type GetContext = () => NodeContext;

/** Bodies of whatever could hold a key or token of ours by mistake. */
const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    {
      level: 'RequestResponse',
      verbs: ['create', 'update', 'patch', 'delete'],
      resources: [
        { group: 'cert-manager.io', resources: ['certificaterequests', 'certificaterequests/status'] },
        { group: '', resources: ['events'] },
        { group: 'events.k8s.io', resources: ['events'] },
      ],
    },
    { level: 'Metadata', userGroups: ['system:serviceaccounts', 'system:nodes'] },
  ],
};

/** A full cluster with an issuer and the agent's image in its registry; the chart is not yet installed. */
export async function openNodeContext(): Promise<NodeContext> {
  const directory = await mkdtemp(join(tmpdir(), 'certfleet-audit-'));
  const [policy, auditLog] = [join(directory, 'policy.json'), join(directory, 'audit.log')];
  await writeFile(policy, JSON.stringify(auditPolicy));
  const cluster = await startCluster({
    nodes: 'full',
    apiServerArgs: [`--audit-policy-file=${policy}`, `--audit-log-path=${auditLog}`],
  });
  const stop = async (): Promise<void> => {
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const agent = new AgentRelease(cluster);
    const [issuer] = await Promise.all([
      createCaIssuer(cluster, { name: defaultIssuer }),
      cluster.createNamespace(defaultNamespace),
      agent.buildImage(),
    ]);
    return { cluster, agent, issuer, auditLog, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
