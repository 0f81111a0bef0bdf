import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Cluster } from '../../cluster/cluster.ts';

/** Bodies of everything that might contain a key or token by mistake. */
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

interface AuditFiles {
  readonly policy: string;
  readonly log: string;
}

const filesIn = (directory: string): AuditFiles => ({
  policy: join(directory, 'audit-policy.json'),
  log: join(directory, 'audit.log'),
});

/**
 * Restarts the API server with an audit log in the cluster's directory, which is removed with the cluster.
 * @returns the path of the log, one JSON event per line
 */
export async function startAudit(cluster: Cluster): Promise<string> {
  const { policy, log } = filesIn(cluster.directory);
  await writeFile(policy, JSON.stringify(auditPolicy));
  // On SIGTERM it would wait a minute for all watches.
  await cluster.apiServer.kill('SIGKILL');
  await startApiServer(cluster);
  return log;
}

/** Starts the API server again, with the audit log of before. */
export async function startApiServer({ apiServer, directory }: Cluster): Promise<void> {
  const { policy, log } = filesIn(directory);
  await apiServer.start([`--audit-policy-file=${policy}`, `--audit-log-path=${log}`]);
}
