import {
  boolean,
  byteSize,
  integerBetween,
  labelKey,
  listenAddress,
  nonEmpty,
  numberBetween,
  optional,
  optionalClusterName,
  positiveDuration,
} from '@certfleet/shared/flag-parsers.ts';
import { describeFlags, parseFlags } from '@certfleet/shared/flags.ts';
import type { FlagTable, FlagValues } from '@certfleet/shared/flags.ts';
import {
  absolutePath,
  dnsDomain,
  driverName,
  optionalAbsolutePath,
  optionalControllerAddress,
  optionalInterval,
  optionalLabel,
  optionalQualifiedName,
  optionalSourceInterval,
  socketPath,
} from './config-values.ts';
import { checkConfig } from './check-config.ts';
import { parseReadinessGate } from './spec/readiness-gate.ts';

/**
 * Every flag of the agent. Flags of cert-manager's csi-driver keep their names and defaults; the next group has the
 * names of node-driver-registrar and livenessprobe; the others are specific to certfleet.
 */
export const agentFlags = {
  'node-id': { fallback: undefined, help: 'Name of the node this agent runs on.', parse: nonEmpty },
  endpoint: { fallback: undefined, help: 'Unix socket that serves CSI, as unix:///path or a path.', parse: socketPath },
  'log-level': {
    fallback: '1',
    short: 'v',
    help: 'Verbosity: 1 for operators, 2 for each call, 5 for everything.',
    parse: integerBetween(0, 10),
  },
  'driver-name': { fallback: 'csi.cert-manager.io', help: 'Name of the CSI driver.', parse: driverName },
  'data-root': { fallback: '/csi-data-dir', help: "Directory for the agent's tmpfs.", parse: absolutePath },
  'previous-data-root': {
    repeatable: true,
    help: "Earlier directory of the agent's tmpfs; if pods still use that tmpfs, it is mounted at the data root.",
    parse: absolutePath,
  },
  'ignore-foreign-volumes': {
    fallback: 'false',
    isSwitch: true,
    help: 'Start even if running pods have volumes of a data directory that is lost; they are not renewed.',
    parse: boolean,
  },
  'use-token-request': {
    fallback: 'false',
    isSwitch: true,
    help: "Create each CertificateRequest as the pod's ServiceAccount, with the token that the kubelet passes.",
    parse: boolean,
  },
  'metrics-bind-address': { fallback: '0', help: 'Address of /metrics; 0 disables it.', parse: listenAddress },
  'cluster-name': {
    fallback: '',
    help: 'Name of the cluster: the label `cluster` of every metric. No label if empty.',
    parse: optionalClusterName,
  },
  'csi-driver-metrics': {
    fallback: 'false',
    isSwitch: true,
    help: "Serve the metrics of cert-manager's csi-driver too (certmanager_csi_*), with labels of volumes and requests.",
    parse: boolean,
  },
  'continue-on-not-ready': {
    fallback: 'false',
    isSwitch: true,
    help: 'Let pods start before their certificate is issued; the files appear later.',
    parse: boolean,
  },
  'kube-api-qps': {
    fallback: '0',
    help: 'Requests to the API server per second; 0 sets no limit.',
    parse: numberBetween(0, 1e6),
  },
  'kube-api-burst': {
    fallback: '0',
    help: 'Maximum burst of requests to the API server.',
    parse: integerBetween(0, 1e6),
  },
  'pod-readiness-gate': {
    repeatable: true,
    help: 'What a pod must have before its certificate is requested: pod-ip:any|ipv4|ipv6, pod-condition:Type[=Status] or pod-annotation:key.',
    parse: parseReadinessGate,
  },
  'gate-backoff-duration': {
    fallback: '1s',
    help: 'Initial interval between checks of a readiness gate.',
    parse: positiveDuration,
  },
  'gate-backoff-factor': {
    fallback: '2',
    help: 'Factor by which the interval grows after each check.',
    parse: numberBetween(1, 100),
  },
  'gate-backoff-jitter': {
    fallback: '0.5',
    help: 'Random fraction added to the interval.',
    parse: numberBetween(0, 10),
  },
  'gate-backoff-cap': {
    fallback: '10s',
    help: 'Maximum interval between checks of a readiness gate.',
    parse: positiveDuration,
  },
  kubeconfig: {
    fallback: '',
    help: 'Kubeconfig file; without it the service account of the pod is used.',
    parse: optional,
  },

  'kubelet-registration-path': {
    fallback: '',
    help: 'Path of the CSI socket as the kubelet sees it; defaults to the endpoint.',
    parse: optional,
  },
  'plugin-registration-path': {
    fallback: '',
    help: "The kubelet's plugins_registry directory; without it the agent does not register itself.",
    parse: optional,
  },
  'kubelet-root-dir': {
    fallback: '',
    help: "The kubelet's root directory, which contains the volumes of pods; must be mounted at the same path with Bidirectional propagation. Not checked if empty.",
    parse: optionalAbsolutePath,
  },
  'startup-taint': {
    fallback: '',
    help: 'Key of a taint that the agent removes from its node each time that the kubelet has registered the driver, with any value and effect. Needs --plugin-registration-path. None if empty.',
    parse: optionalQualifiedName,
  },
  'ready-node-label': {
    fallback: '',
    help: 'Label that the agent sets on its node at the same time, as key=value. None if empty.',
    parse: optionalLabel,
  },
  'health-bind-address': {
    fallback: '0',
    help: 'Address of /healthz and /readyz; 0 disables it.',
    parse: listenAddress,
  },

  'adopt-from': {
    fallback: '',
    help: "Data directory of cert-manager's csi-driver, whose mounted volumes this agent takes over.",
    parse: optional,
  },
  'hand-over': {
    fallback: 'false',
    help: "Prepares a rollback to cert-manager's csi-driver: keeps its record of every volume, and mounts the tmpfs where it looks for its own in --data-root.",
    parse: boolean,
    isSwitch: true,
  },
  'default-duration': {
    fallback: '720h',
    help: 'Certificate lifetime for volumes that request none.',
    parse: positiveDuration,
  },
  'issuance-timeout': {
    fallback: '30s',
    help: 'How long a mount waits for its certificate before it fails and the kubelet retries.',
    parse: positiveDuration,
  },
  'strict-attributes': {
    fallback: 'false',
    isSwitch: true,
    help: 'Refuse volumes with attributes that have no effect, such as unknown ones, instead of a warning as an Event of the pod.',
    parse: boolean,
  },
  'pod-variables': {
    fallback: 'false',
    isSwitch: true,
    help: 'Allow variables in volume attributes whose values are read from the pod: its addresses, host name and FQDN. Needs the right to get, list and watch pods.',
    parse: boolean,
  },
  'pod-variable-label': {
    repeatable: true,
    help: 'Key of a label that may be used as variable ${POD_LABEL_<key>}; * matches any text. Needs --pod-variables.',
    parse: nonEmpty,
  },
  'pod-variable-annotation': {
    repeatable: true,
    help: 'Key of an annotation that may be used as variable ${POD_ANNOTATION_<key>}; * matches any text. Needs --pod-variables.',
    parse: nonEmpty,
  },
  'cluster-domain': {
    fallback: 'cluster.local',
    help: "The cluster's DNS domain, for the variable POD_FQDN.",
    parse: dnsDomain,
  },
  'tmpfs-size': { fallback: '128Mi', help: 'Maximum total size of the volumes of the node.', parse: byteSize },
  'probe-interval': {
    fallback: '0s',
    help: 'Interval of the TLS handshakes with pods whose volumes have a probe-port; shorter after a renewal. 0s makes none.',
    parse: optionalInterval,
  },
  'reload-signals': {
    fallback: 'false',
    isSwitch: true,
    help: "Send the signals that volumes request with reload-signal to containers of their pods after each renewal. Needs the node's PID namespace, CAP_KILL and the right to get pods; without it such volumes are refused.",
    parse: boolean,
  },
  rollouts: {
    fallback: 'false',
    isSwitch: true,
    help: 'The controller rolls the workloads of volumes with reload-rollout after renewals; without it such volumes are refused. Needs --controller-address.',
    parse: boolean,
  },
  'ca-rotations': {
    fallback: 'false',
    isSwitch: true,
    help: 'Follow the CARotation objects of the cluster: volumes of a CA that is rotated get its old and its new certificate in their CA files.',
    parse: boolean,
  },
  'trust-source-interval': {
    fallback: '0s',
    help: 'Interval of the reads of the ConfigMaps and ClusterTrustBundles that volumes name as sources of additional trust, 30s to 10m. 0s reads none and refuses such volumes.',
    parse: optionalSourceInterval,
  },
  'rsa-key-pool-size': {
    fallback: '112',
    help: 'Number of RSA keys of 2048 bits kept ready after the first one was requested.',
    parse: integerBetween(0, 1024),
  },
  'controller-address': {
    fallback: '',
    help: 'Renewal controller to report to and take renewal jobs from, as host:port over TLS or unix:///path; without it the agent renews each volume at its renew-at.',
    parse: optionalControllerAddress,
  },
  'controller-ca-file': {
    fallback: '',
    help: "PEM file of the CA that signs the controller's certificate; the default is Node's roots.",
    parse: optional,
  },
  'controller-token-file': {
    fallback: '/var/run/secrets/certfleet/token',
    help: 'Projected ServiceAccount token for the controller; read again for each connection.',
    parse: nonEmpty,
  },
  'redis-cert-file': {
    fallback: '',
    help: 'PEM chain of a client certificate, for a Redis that requires one; read again for each connection.',
    parse: optional,
  },
  'redis-key-file': { fallback: '', help: 'PEM key of that certificate.', parse: optional },
  'report-workload': {
    fallback: 'false',
    isSwitch: true,
    help: 'Report the workload of each pod, such as its Deployment, to the controller. Needs the right to get pods.',
    parse: boolean,
  },
  'report-pod-label': {
    repeatable: true,
    help: 'Key of a label of pods that is reported too, such as team; at most eight. Needs --report-workload.',
    parse: labelKey,
  },
  'concurrent-renewals': {
    fallback: '4',
    help: 'Maximum number of renewals in progress per issuer.',
    parse: integerBetween(1, 256),
  },
} as const;

/** The agent's configuration by flag name. */
export type AgentConfig = FlagValues<typeof agentFlags>;

/**
 * Reads the configuration from command line and environment.
 * @throws CertfleetError invalid-argument that lists every problem
 */
export function readConfig(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): AgentConfig {
  const config = checkConfig(parseFlags(agentFlags, argv, env));
  return { ...config, kubeconfig: config.kubeconfig ?? optional(env['KUBECONFIG'] ?? '') };
}

export const configHelp = (): string => describeAgent(agentFlags);

export function describeAgent(flags: FlagTable): string {
  return `certfleet node agent: serves inline CSI volumes with a key and certificate each.\n\n${describeFlags(flags)}`;
}
