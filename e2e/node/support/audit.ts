import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Cluster } from '../../cluster/cluster.ts';

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

/**
 * Starts the API server anew with an audit log in the cluster's own folder, which goes with it whatever happens.
 * @returns the path of the log, one event of JSON a line
 */
export async function startAudit({ apiServer, directory }: Cluster): Promise<string> {
  const [policy, log] = [join(directory, 'audit-policy.json'), join(directory, 'audit.log')];
  await writeFile(policy, JSON.stringify(auditPolicy));
  // Asked to end, it would wait a minute for the watches of everybody else.
  await apiServer.kill('SIGKILL');
  await apiServer.start([`--audit-policy-file=${policy}`, `--audit-log-path=${log}`]);
  return log;
}
