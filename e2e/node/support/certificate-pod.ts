/** Attributes of one certificate volume; names without a group belong to csi.cert-manager.io. */
export type VolumeAttributes = Readonly<Record<string, string>>;

/** Options of a pod besides its certificates. */
export interface PodOptions {
  readonly namespace?: string;
  /** A shell script instead of `sleep infinity`. */
  readonly script?: string;
  /** Additional fields of the pod's spec. */
  readonly spec?: object;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The Secret that the kubelet passes to the driver for each volume. */
  readonly secretName?: string;
}

/** Default namespace of pods. */
export const defaultNamespace = 'apps';

/** Name of the default ClusterIssuer of volumes. */
export const defaultIssuer = 'test-ca';

/** The mount path of a volume in pods of `certificatePod`. */
export function mountPath(volume: string): string {
  return `/certs/${volume}`;
}

/** A pod of the test image with a volume for each entry, mounted at `mountPath`. */
export function certificatePod(
  name: string,
  volumes: Readonly<Record<string, VolumeAttributes>>,
  options: PodOptions = {},
): object {
  const {
    namespace = defaultNamespace,
    script = 'exec sleep infinity',
    spec = {},
    annotations = {},
    secretName,
  } = options;
  const names = Object.keys(volumes);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, annotations },
    spec: {
      // With 0 the API server would delete the pod at once, and waiting for the deletion would prove nothing.
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image: 'busybox',
          imagePullPolicy: 'IfNotPresent',
          command: ['sh', '-c', script],
          volumeMounts: names.map((volume) => ({ name: volume, mountPath: mountPath(volume), readOnly: true })),
        },
      ],
      volumes: names.map((volume) => certificateVolume(volume, volumes[volume] ?? {}, secretName)),
      ...spec,
    },
  };
}

function certificateVolume(name: string, attributes: VolumeAttributes, secretName?: string): object {
  const grouped = Object.entries({ 'issuer-name': defaultIssuer, 'issuer-kind': 'ClusterIssuer', ...attributes }).map(
    ([key, value]) => [key.includes('/') ? key : `csi.cert-manager.io/${key}`, value],
  );
  const volumeAttributes: unknown = Object.fromEntries(grouped);
  const secret = secretName === undefined ? {} : { nodePublishSecretRef: { name: secretName } };
  return { name, csi: { driver: 'csi.cert-manager.io', readOnly: true, volumeAttributes, ...secret } };
}

/**
 * A script that prints a line for each certificate in the volume: serial number, hash of the key, and whether they
 * match. Both files are read from one snapshot, as a program that reloads must do. It runs openssl only for a new
 * snapshot, or files written later than its last look: each pod would otherwise use a quarter of a core.
 */
export function watchScript(volume: string): string {
  return `
last= seen=
while :; do
  if cd -P ${mountPath(volume)}/..data 2>/dev/null &&
    { [ "$PWD" != "$seen" ] || [ tls.crt -nt /tmp/seen ] || [ tls.key -nt /tmp/seen ]; } &&
    : >/tmp/seen &&
    serial=$(openssl x509 -in tls.crt -noout -serial 2>/dev/null) &&
    ofCertificate=$(openssl x509 -in tls.crt -noout -pubkey 2>/dev/null | sha256sum) &&
    ofKey=$(openssl pkey -in tls.key -pubout 2>/dev/null | sha256sum) &&
    [ -f tls.crt ] && [ -f tls.key ]
  then
    seen=$PWD
    [ "$ofKey" = "$ofCertificate" ] && match=matching || match=mismatched
    line="$serial key=\${ofKey%% *} $match"
    [ "$line" = "$last" ] || echo "$line"
    last=$line
  fi
  usleep 100000
done`;
}
