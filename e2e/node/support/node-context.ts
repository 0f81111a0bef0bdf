import { startCluster, type Cluster } from '../../cluster/cluster.ts';
import { createCaIssuer, type CaIssuer } from '../../cluster/issuers.ts';
import { AgentRelease } from './agent-release.ts';
import { startAudit } from './audit.ts';
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

/** A full cluster with an issuer and the agent's image in its registry; the chart is not yet installed. */
export async function openNodeContext(): Promise<NodeContext> {
  const cluster = await startCluster({ nodes: 'full' });
  try {
    const agent = new AgentRelease(cluster);
    const prepare = async (): Promise<[CaIssuer, string]> => {
      const auditLog = await startAudit(cluster);
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
