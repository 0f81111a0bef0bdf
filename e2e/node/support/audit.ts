import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

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

/** The log of an API server with these flags, in the cluster's directory: one JSON event per line. */
export const auditLogIn = (directory: string): string => join(directory, 'audit.log');

/** Flags of an API server with an audit log in the cluster's directory, which is removed with the cluster. */
export async function auditArgs(directory: string): Promise<readonly string[]> {
  const policy = join(directory, 'audit-policy.json');
  await writeFile(policy, JSON.stringify(auditPolicy));
  return [`--audit-policy-file=${policy}`, `--audit-log-path=${auditLogIn(directory)}`];
}
