import { writeFile } from 'node:fs/promises';
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
  const cluster = await startCluster({ nodes: 'full' });
  try {
    const agent = new AgentRelease(cluster);
    const prepare = async (): Promise<[CaIssuer, string]> => {
      const auditLog = await audit(cluster);
      await cluster.createNamespace(defaultNamespace);
      return [await createCaIssuer(cluster, { name: defaultIssuer }), auditLog];
    };
    const [[issuer, auditLog]] = await Promise.all([prepare(), agent.buildImage()]);
    return { cluster, agent, issuer, auditLog, stop: () => cluster.stop() };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** Starts the API server anew with an audit log in the cluster's own folder, which goes with it whatever happens. */
async function audit({ apiServer, directory }: Cluster): Promise<string> {
  const [policy, log] = [join(directory, 'audit-policy.json'), join(directory, 'audit.log')];
  await writeFile(policy, JSON.stringify(auditPolicy));
  // Asked to end, it would wait a minute for the watches of everybody else.
  await apiServer.kill('SIGKILL');
  await apiServer.start([`--audit-policy-file=${policy}`, `--audit-log-path=${log}`]);
  return log;
}
