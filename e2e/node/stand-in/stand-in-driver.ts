import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import type { Cluster } from '../../cluster/cluster.ts';
import { run } from '../../cluster/command.ts';
import { defaultIssuer, defaultNamespace } from '../support/certificate-pod.ts';
import { get } from '../support/pods.ts';
import type { FakeDriverOptions } from './peer-volume.ts';

/** The default data directory of the upstream driver. */
export const upstreamDataRoot = '/tmp/cert-manager-csi-driver';

/** A prepared certificate for the fake. */
export interface ReadyCertificate {
  readonly commonName: string;
  readonly duration: string;
  /** When the driver would renew it, in milliseconds after issuance. */
  readonly renewAfterMs: number;
}

/** The driver whose volumes the agent takes over; it runs on the node next to the kubelet. */
export class FakeDriver {
  readonly #cluster: Cluster;
  readonly #certificates: string;
  readonly #dataRoot: string;
  #renew: (() => void) | undefined;
  #stopped: (() => Promise<void>) | undefined;

  constructor(cluster: Cluster, dataRoot: string = upstreamDataRoot) {
    this.#cluster = cluster;
    this.#dataRoot = dataRoot;
    this.#certificates = join(cluster.directory, 'stand-in');
  }

  /** Lets cert-manager sign the certificate for volumes with this common name. */
  async addCertificate({ commonName, duration, renewAfterMs }: ReadyCertificate): Promise<void> {
    const folder = join(this.#certificates, commonName);
    await mkdir(folder, { recursive: true });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', join(folder, 'tls.key')];
    const { stdout: csr } = await run(['openssl', 'req', '-new', ...key, '-subj', `/CN=${commonName}`]);
    const name = `stand-in-${commonName}`;
    await this.#cluster.apply({
      apiVersion: 'cert-manager.io/v1',
      kind: 'CertificateRequest',
      metadata: { name, namespace: defaultNamespace },
      spec: {
        request: Buffer.from(csr).toString('base64'),
        duration,
        issuerRef: { name: defaultIssuer, kind: 'ClusterIssuer', group: 'cert-manager.io' },
      },
    });
    const request = `certificaterequest/${name}`;
    await this.#cluster.kubectl(['wait', '--for=condition=Ready', request, '-n', defaultNamespace, '--timeout=30s']);
    const { status } = await get<{ status: { certificate: string; ca: string } }>(this.#cluster, request);
    await writeFile(join(folder, 'tls.crt'), Buffer.from(status.certificate, 'base64'));
    await writeFile(join(folder, 'ca.crt'), Buffer.from(status.ca, 'base64'));
    await writeFile(join(folder, 'next-issuance'), new Date(Date.now() + renewAfterMs).toISOString());
    await this.#cluster.kubectl(['delete', request, '-n', defaultNamespace]);
  }

  /** Starts it; resolves when the kubelet has registered it. */
  async start(): Promise<void> {
    await this.#cluster.apply(csiDriver);
    const options: FakeDriverOptions = {
      nodeName: this.#cluster.nodeName,
      dataRoot: this.#dataRoot,
      certificates: this.#certificates,
    };
    const program = [process.execPath, join(import.meta.dirname, 'main.ts'), JSON.stringify(options)];
    const [file = '', ...args] = [...this.#cluster.enterNamespace, ...program];
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    this.#stopped = async () => {
      child.kill('SIGTERM');
      await ended;
    };
    this.#renew = () => child.kill('SIGUSR1');
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === 'registered') return;
      throw new Error(`the kubelet rejected the fake driver: ${line}`);
    }
    throw new Error('the fake driver exited before it was registered');
  }

  /** Renews the volumes for which a certificate was added. */
  renew(): void {
    this.#renew?.();
  }

  /** Ends it like `helm uninstall`: its volumes stay mounted, its CSIDriver object is deleted. */
  async uninstall(): Promise<void> {
    await this.#stopped?.();
    await this.#cluster.kubectl(['delete', 'csidriver', csiDriver.metadata.name]);
  }
}

const csiDriver = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  metadata: { name: 'csi.cert-manager.io' },
  spec: { attachRequired: false, podInfoOnMount: true, volumeLifecycleModes: ['Ephemeral'] },
};
