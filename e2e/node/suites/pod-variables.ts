import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { before, describe, test } from 'node:test';
import { parse } from 'yaml';

import { createCaIssuer } from '../../cluster/issuers.ts';
import { waitUntil } from '../../cluster/wait.ts';
import { certificatePod, defaultNamespace } from '../support/certificate-pod.ts';
import { followLog } from '../support/follow.ts';
import type { GetContext } from '../support/node-context.ts';
import { extension, opensslX509 } from '../support/openssl.ts';
import { execInPod, readFiles, textOf } from '../support/pod-files.ts';
import {
  applyPodsAndWaitReady,
  deletePods,
  describeWithEvent,
  getPod,
  requestsOf,
  waitReady,
} from '../support/pods.ts';
import { killSandbox, type Values } from '../support/release.ts';

const examples = resolve(import.meta.dirname, '../../../examples');
/** Their programs ignore SIGTERM, so that the default grace period would pass. */
const now = ['--grace-period=1', '--timeout=60s'];
const ecdsa = { 'key-algorithm': 'ECDSA' };
const script = 'until [ -s /certs/data/tls.key ]; do usleep 100000; done; echo arrived; exec sleep infinity';
const arrived = (lines: readonly string[]): boolean => lines.includes('arrived');

/** The agent's values for this suite: those of examples/values. */
export async function podVariableValues(): Promise<Values> {
  const values = parse(await readFile(join(examples, 'values/pod-variables.yaml'), 'utf8')) as {
    app: { driver: { podVariables: Readonly<Record<string, unknown>> } };
  };
  const own = Object.entries(values.app.driver.podVariables);
  return Object.fromEntries(own.map(([name, value]) => [`app.driver.podVariables.${name}`, value]));
}

/** Names of the pod's object in certificates. */
export function podVariableSuite(context: GetContext): void {
  // Each has its own pods.
  describe('with variables of the pod', { concurrency: true }, () => {
    before(() => createCaIssuer(context().cluster, { name: 'ca' }));

    test('examples/pod-with-its-names.yaml has the names of its pod in its certificate', async () => {
      const { cluster } = context();
      await cluster.apply(await readFile(join(examples, 'pod-with-its-names.yaml'), 'utf8'));
      const pod = { name: 'pod-with-its-names', namespace: 'default' };
      await waitReady(cluster, { names: [pod.name], namespace: pod.namespace });
      const x509 = await opensslX509(await execInPod(cluster, pod, 'cat /tls/tls.crt'));
      assert.deepEqual(extension(x509, 'Subject Alternative Name')?.split(', ').sort(), [
        'DNS:pod-with-its-names.shop.default.svc.cluster.local',
        'DNS:shop.example.com',
        'DNS:www.shop.example.com',
      ]);
      for (const part of ['CN=pod-with-its-names', 'OU=shop', `OU=${cluster.nodeName}`]) {
        assert.ok(x509.subject.replaceAll(' ', '').includes(part.replaceAll(' ', '')), `${part} in ${x509.subject}`);
      }
      await cluster.kubectl(['delete', 'pod', pod.name, '--namespace', pod.namespace, ...now]);
    });

    test('examples/pod-with-its-address.yaml has the addresses of its pod in its certificate', async () => {
      const { cluster } = context();
      await cluster.apply(await readFile(join(examples, 'pod-with-its-address.yaml'), 'utf8'));
      const pod = { name: 'pod-with-its-address', namespace: 'default' };
      await waitReady(cluster, { names: [pod.name], namespace: pod.namespace });
      const { status } = await getPod(cluster, pod);
      const x509 = await opensslX509(await execInPod(cluster, pod, 'cat /tls/tls.crt'));
      const expected = ['DNS:pod-with-its-address.default.svc.cluster.local', `IP Address:${status.podIP}`];
      assert.deepEqual(extension(x509, 'Subject Alternative Name')?.split(', ').sort(), expected);
      const requests = await requestsOf(cluster, await getPod(cluster, pod));
      assert.equal(requests.length, 1);
      await cluster.kubectl(['delete', 'pod', pod.name, '--namespace', pod.namespace, ...now]);
    });

    test('a pod starts with an empty volume, and gets its FQDN, an annotation and its address', async () => {
      const { cluster } = context();
      const pod = { name: 'addressed', namespace: defaultNamespace };
      const attributes = {
        ...ecdsa,
        'common-name': '$POD_HOSTNAME',
        'dns-names': '${POD_FQDN},${POD_ANNOTATION_example.com/names}',
        'ip-sans': '$POD_IP',
      };
      const annotations = { 'example.com/names': 'a.example.com,b.example.com' };
      const options = { script, annotations, spec: { subdomain: 'web' } };
      await applyPodsAndWaitReady(cluster, [certificatePod(pod.name, { data: attributes }, options)]);
      await followLog(cluster, pod, arrived);
      const x509 = await opensslX509(textOf(await readFiles(cluster, pod, 'data'), 'tls.crt'));
      const { status } = await getPod(cluster, pod);
      assert.deepEqual(extension(x509, 'Subject Alternative Name')?.split(', ').sort(), [
        'DNS:a.example.com',
        `DNS:addressed.web.${defaultNamespace}.svc.cluster.local`,
        'DNS:b.example.com',
        `IP Address:${status.podIP}`,
      ]);
      assert.equal(x509.subject, 'CN=addressed');
      await deletePods(cluster, [pod.name]);
    });

    test('a pod whose sandbox is made again gets a certificate with its new address', async () => {
      const { cluster } = context();
      const pod = { name: 'readdressed', namespace: defaultNamespace };
      // A fiftieth of the lifetime must pass between two certificates.
      const attributes = { ...ecdsa, 'ip-sans': '$POD_IPS', duration: '4m' };
      await applyPodsAndWaitReady(cluster, [certificatePod(pod.name, { data: attributes }, { script })]);
      await followLog(cluster, pod, arrived);
      const earlier = await getPod(cluster, pod);
      await killSandbox(cluster, earlier);
      let address = earlier.status.podIP;
      const hasNewAddress = async (): Promise<boolean> => {
        address = (await getPod(cluster, pod)).status.podIP;
        return address !== undefined && address !== earlier.status.podIP;
      };
      await waitUntil('another address of the pod', hasNewAddress, { timeoutMs: 90_000, intervalMs: 200 });
      // The container may be restarting, so that nothing can be read in it yet.
      const names = async (): Promise<string | undefined> => {
        const pem = await execInPod(cluster, pod, 'cat /certs/data/tls.crt').catch(() => '');
        return pem === '' ? undefined : extension(await opensslX509(pem), 'Subject Alternative Name');
      };
      const isNew = async (): Promise<boolean> => (await names()) === `IP Address:${address}`;
      await waitUntil('a certificate with it', isNew, { timeoutMs: 90_000, intervalMs: 500 });
      await deletePods(cluster, [pod.name]);
    });

    test("a pod in the host's network has the node's address before it starts", async () => {
      const { cluster } = context();
      const pod = { name: 'on-the-host', namespace: defaultNamespace };
      const attributes = { ...ecdsa, 'ip-sans': '$POD_IPS' };
      const options = { script: 'test -s /certs/data/tls.crt && exec sleep infinity', spec: { hostNetwork: true } };
      await applyPodsAndWaitReady(cluster, [certificatePod(pod.name, { data: attributes }, options)]);
      const x509 = await opensslX509(textOf(await readFiles(cluster, pod, 'data'), 'tls.crt'));
      const { status } = await getPod(cluster, pod);
      assert.equal(extension(x509, 'Subject Alternative Name'), `IP Address:${status.podIP}`);
      assert.equal(status.containerStatuses?.[0]?.restartCount, 0);
      await deletePods(cluster, [pod.name]);
    });

    test('a label that the operator does not allow, or that is missing, is named on the pod', async () => {
      const { cluster } = context();
      const cases = {
        'not-allowed': ['${POD_LABEL_app}', /InvalidAttributes\s.*label "app".*app\.driver\.podVariables\.labels/],
        missing: [
          '${POD_ANNOTATION_example.com/x}',
          /InvalidAttributes\s.*the pod has no annotation "example\.com\/x"/,
        ],
      } as const;
      for (const [name, [value, message]] of Object.entries(cases)) {
        await cluster.apply([certificatePod(name, { data: { ...ecdsa, 'dns-names': value } })]);
        const described = await describeWithEvent(cluster, { name, namespace: defaultNamespace }, 'InvalidAttributes');
        assert.match(described, message);
        await deletePods(cluster, [name]);
      }
    });
  });
}
