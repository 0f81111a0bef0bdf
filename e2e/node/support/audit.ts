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

/**
 * Restarts the API server with an audit log in the cluster's directory, which is removed with the cluster.
 * @returns the path of the log, one JSON event per line
 */
export async function startAudit({ apiServer, directory }: Cluster): Promise<string> {
  const [policy, log] = [join(directory, 'audit-policy.json'), join(directory, 'audit.log')];
  await writeFile(policy, JSON.stringify(auditPolicy));
  // On SIGTERM it would wait a minute for all watches.
  await apiServer.kill('SIGKILL');
  await apiServer.start([`--audit-policy-file=${policy}`, `--audit-log-path=${log}`]);
  return log;
}
