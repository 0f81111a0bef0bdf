import { startCluster, type Cluster } from '../../cluster/cluster.ts';
import { createCaIssuer, type CaIssuer } from '../../cluster/issuers.ts';
import { AgentRelease } from './agent-release.ts';
import { auditArgs, auditLogIn } from './audit.ts';
import { defaultIssuer, defaultNamespace } from './certificate-pod.ts';

export interface NodeContext {
  readonly cluster: Cluster;
  readonly agent: AgentRelease;
  /** The default ClusterIssuer of volumes. */
  readonly issuer: CaIssuer;
  /** The API server's log of every write to the agent's resources, including bodies. */
  readonly auditLog: string;
  stop(): Promise<void>;
}

/** Suites are registered before the cluster exists. */
export type GetContext = () => NodeContext;

/** A full cluster with an issuer and the agent's image in its registry; the chart is not yet installed. */
export async function openNodeContext(): Promise<NodeContext> {
  const cluster = await startCluster({ nodes: 'full', apiServerArgs: auditArgs });
  try {
    const agent = new AgentRelease(cluster);
    const prepare = async (): Promise<CaIssuer> => {
      await cluster.createNamespace(defaultNamespace);
      return createCaIssuer(cluster, { name: defaultIssuer });
    };
    const [issuer] = await Promise.all([prepare(), agent.buildImage()]);
    return { cluster, agent, issuer, auditLog: auditLogIn(cluster.directory), stop: () => cluster.stop() };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}
