import type { Cluster } from '../../cluster/cluster.ts';

/** The namespace of the pods. */
export const namespace = 'slow';

/** A certificate in a pod's file. */
export interface SeenSerial {
  readonly serial: string;
  readonly at: Date;
  /** Whether the key beside it is its key. */
  readonly matches: boolean;
}

/** Prints a line for each new content of the bundle: the time, the serial number, and whether the key matches. */
const script = `
last=
while :; do
  sum=$(md5sum < /tls/bundle.pem)
  if [ "$sum" != "$last" ]; then
    cp /tls/bundle.pem /tmp/bundle.pem
    at=$(date +%s)
    serial=$(openssl x509 -in /tmp/bundle.pem -noout -serial)
    [ "$(openssl x509 -in /tmp/bundle.pem -noout -pubkey)" = "$(openssl pkey -in /tmp/bundle.pem -pubout)" ] &&
      match=matching || match=mismatched
    echo "$at $serial $match"
    last=$sum
  fi
  sleep 1
done`;

/** A pod that logs each certificate that its bundle has: for an hour, and refreshed when half of it is left. */
export function serialPod(name: string, signerName: string): object {
  const podCertificate = {
    signerName,
    keyType: 'ECDSAP256',
    credentialBundlePath: 'bundle.pem',
    maxExpirationSeconds: 3_600,
    userAnnotations: { 'csi.certfleet.io/renew-before': '30m' },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image: 'busybox',
          imagePullPolicy: 'IfNotPresent',
          command: ['sh', '-c', script],
          volumeMounts: [
            { name: 'tls', mountPath: '/tls', readOnly: true },
            { name: 'tmp', mountPath: '/tmp' },
          ],
        },
      ],
      volumes: [
        { name: 'tls', projected: { sources: [{ podCertificate }] } },
        { name: 'tmp', emptyDir: { medium: 'Memory' } },
      ],
    },
  };
}

/** The certificates that the pod has seen in its file, in order. */
export async function serialsOf(cluster: Cluster, pod: string): Promise<readonly SeenSerial[]> {
  const { stdout } = await cluster.kubectl(['logs', pod, '--namespace', namespace]);
  return stdout
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, at, serial = '', match] = /^(\d+) serial=([0-9A-F]+) (\w+)$/.exec(line) ?? [];
      return { serial, at: new Date(Number(at) * 1000), matches: match === 'matching' };
    });
}
