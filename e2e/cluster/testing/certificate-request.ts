import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import type { Cluster } from '../cluster.ts';
import type { TestIssuer } from '../issuers.ts';

interface RequestOrder {
  readonly name: string;
  readonly namespace: string;
  /** Approves the request as its creator, instead of cert-manager's approver. */
  readonly approved?: boolean;
}

/** Creates a CertificateRequest for the name `test`, with a temporary key. */
export async function createRequest(
  cluster: Cluster,
  issuer: Pick<TestIssuer, 'name' | 'kind'>,
  { name, namespace, approved = false }: RequestOrder,
): Promise<void> {
  const openssl = ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];
  const { stdout } = await promisify(execFile)('openssl', [...openssl, '-keyout', '/dev/null', '-subj', '/CN=test']);
  await cluster.apply({
    apiVersion: 'cert-manager.io/v1',
    kind: 'CertificateRequest',
    metadata: { name, namespace },
    spec: {
      request: Buffer.from(stdout).toString('base64'),
      issuerRef: { name: issuer.name, kind: issuer.kind, group: 'cert-manager.io' },
    },
  });
  if (!approved) return;
  const condition = { type: 'Approved', status: 'True', reason: 'Test', message: 'approved by the test' };
  await cluster.kubectl([
    ...['patch', 'certificaterequest', name, '--namespace', namespace, '--subresource=status', '--type=merge'],
    ...['--patch', JSON.stringify({ status: { conditions: [condition] } })],
  ]);
}
