import { CertfleetError } from '@certfleet/shared/errors.ts';
import {
  boolean,
  integerBetween,
  labelKey,
  listenAddress,
  maxLabelKeys,
  nonEmpty,
  optional,
  optionalClusterName,
  positiveDuration,
} from '@certfleet/shared/flag-parsers.ts';
import { describeFlags, parseFlags, type FlagValues } from '@certfleet/shared/flags.ts';
import {
  keyPrefix,
  networks,
  oneOf,
  optionalLifetime,
  optionalServiceAccount,
  signaturePattern,
} from './config-values.ts';
import { optionalPartFlags } from './optional-parts.ts';
import type { RedisConfig } from './redis/create-redis.ts';

export const controllerFlags = {
  'log-level': {
    fallback: '1',
    short: 'v',
    help: 'Log verbosity: 1 for operators, 2 for each renewal, 5 for all messages.',
    parse: integerBetween(0, 10),
  },
  'fleet-bind-address': {
    fallback: ':8443',
    help: 'Address that agents connect to: host:port over TLS (without a host: all addresses), or unix:///path without TLS.',
    parse: nonEmpty,
  },
  'api-bind-address': {
    fallback: ':8080',
    help: "Address of the operators' API; 0 disables it.",
    parse: listenAddress,
  },
  'ops-bind-address': {
    fallback: ':9402',
    help: 'Address of /metrics, /healthz and /readyz, without TLS; 0 disables it.',
    parse: listenAddress,
  },
  'tls-cert-file': {
    fallback: '',
    help: 'PEM certificate chain presented to agents and operators; reloaded when the file changes.',
    parse: optional,
  },
  'tls-key-file': { fallback: '', help: 'PEM private key of --tls-cert-file.', parse: optional },
  'replica-name': {
    fallback: '',
    help: 'Unique name of this replica; default: the host name.',
    parse: optional,
  },
  'cluster-name': {
    fallback: '',
    help: 'Name of the cluster: the label `cluster` of every metric, a field of exports and audit entries, and part of the title of the page. Nothing is added if empty.',
    parse: optionalClusterName,
  },
  'pod-label': {
    repeatable: true,
    help: 'Key of a label of pods that agents report, such as team: a group of the page and of the metrics; at most eight.',
    parse: labelKey,
  },
  'posture-min-rsa-bits': {
    fallback: '2048',
    help: 'RSA keys with fewer bits are counted as violations; 0: no limit.',
    parse: integerBetween(0, 65_536),
  },
  'posture-refused-signature': {
    repeatable: true,
    help: 'Signature algorithm, as OpenSSL names it, that is counted as a violation; * matches any text, as in *sha1*.',
    parse: signaturePattern,
  },
  'posture-max-lifetime': {
    fallback: '',
    help: 'Certificates that are valid for longer are counted as violations: a length such as 90d or 720h. No limit if empty.',
    parse: optionalLifetime,
  },
  'posture-allow-ca': {
    fallback: 'false',
    isSwitch: true,
    help: 'Do not count certificates that may sign certificates as violations.',
    parse: boolean,
  },
  'heartbeat-interval': {
    fallback: '10s',
    help: 'Interval between heartbeats of an agent; after three missed heartbeats the node is silent.',
    parse: positiveDuration,
  },
  'forget-node-after': {
    fallback: '24h',
    help: 'Time after which a silent node is removed with its queue and its Redis user; a node that was deleted from the cluster is removed at once.',
    parse: positiveDuration,
  },
  'agent-service-account': {
    fallback: '',
    help: 'ServiceAccount of the agents, as namespace/name; the API server reviews their tokens.',
    parse: optionalServiceAccount,
  },
  'agent-token-audience': { fallback: 'certfleet', help: "Audience of agents' and signers' tokens.", parse: nonEmpty },
  'agent-token-file': {
    fallback: '',
    help: 'File with lines token,node that replaces token reviews; only for one machine without Kubernetes.',
    parse: optional,
  },
  'api-auth': {
    fallback: 'kubernetes',
    help: "Authentication of the operators' API and page: kubernetes (TokenReview and SubjectAccessReview), proxy (an authenticating proxy names the user, SubjectAccessReview decides the rights), or none (only on a loopback address).",
    parse: oneOf('kubernetes', 'proxy', 'none'),
  },
  'api-proxy-secret-file': {
    fallback: '',
    help: 'File with the secret that the proxy sends in x-certfleet-proxy-secret; required by --api-auth=proxy.',
    parse: optional,
  },
  'api-proxy-user-header': {
    fallback: 'x-forwarded-user',
    help: 'Header in which the proxy sends the user name.',
    parse: nonEmpty,
  },
  'api-proxy-groups-header': {
    fallback: 'x-forwarded-groups',
    help: "Header in which the proxy sends the user's groups, separated by commas.",
    parse: nonEmpty,
  },
  'api-rate-limit': {
    fallback: '1200',
    help: "Requests per minute of one user to the operators' API; unauthenticated requests of one address have ten times this limit. 0: no limit.",
    parse: integerBetween(0, 1_000_000),
  },
  'api-trusted-proxies': {
    fallback: '',
    help: "Comma-separated addresses or CIDRs of proxies in front of the operators' API. Their X-Forwarded-For header determines the client address for rate limits; the header is ignored from other addresses.",
    parse: networks,
  },
  'page-directory': {
    fallback: '',
    help: "Directory of the operators' page; default: the one shipped with the program.",
    parse: optional,
  },
  'ca-change-action': {
    fallback: 'propose',
    help: 'What happens when an issuer signs with another CA than before: off, propose (a suspended CARotation for an operator), or start (the CARotation begins, if several nodes report the new CA).',
    parse: oneOf('off', 'propose', 'start'),
  },
  'runbook-url': {
    fallback: '',
    help: "Address of docs/runbook.md; the operators' page links to its sections.",
    parse: optional,
  },
  ...optionalPartFlags,
  kubeconfig: {
    fallback: '',
    help: "Kubeconfig file; default: the pod's service account.",
    parse: optional,
  },
  'redis-url': {
    fallback: 'redis://127.0.0.1:6379',
    help: 'URL of Redis: redis://, rediss://, redis+sentinel://h1,h2/master or redis+cluster://h1,h2.',
    parse: nonEmpty,
  },
  'redis-username': { fallback: '', help: 'User name for Redis.', parse: optional },
  'redis-password-file': { fallback: '', help: 'File with the password of --redis-username.', parse: optional },
  'redis-sentinel-username': { fallback: '', help: 'User name for the Sentinels.', parse: optional },
  'redis-sentinel-password-file': {
    fallback: '',
    help: 'File with the password of --redis-sentinel-username.',
    parse: optional,
  },
  'redis-ca-file': {
    fallback: '',
    help: "PEM file of the CA that signed Redis' certificate; enables TLS.",
    parse: optional,
  },
  'redis-cert-file': { fallback: '', help: 'PEM chain of a client certificate for Redis.', parse: optional },
  'redis-key-file': { fallback: '', help: 'PEM private key of --redis-cert-file.', parse: optional },
  'redis-server-name': {
    fallback: '',
    help: "Server name expected in Redis' certificate; default: the host of the URL.",
    parse: optional,
  },
  'redis-prefix': { fallback: 'certfleet', help: 'Prefix of every Redis key.', parse: keyPrefix },
  'redis-node-url': {
    fallback: '',
    help: 'URL of Redis for the agents, if it differs from --redis-url.',
    parse: optional,
  },
  'redis-node-access': {
    fallback: 'acl',
    help: 'acl: one Redis user per node with access to the queue of that node only; shared: one user for all agents, for a Redis that does not allow ACL changes.',
    parse: oneOf('acl', 'shared'),
  },
  'redis-node-username': { fallback: '', help: 'User name of the shared Redis user.', parse: optional },
  'redis-node-password-file': {
    fallback: '',
    help: 'File with the password of --redis-node-username.',
    parse: optional,
  },
  'redis-node-sentinel-username': {
    fallback: '',
    help: 'User name that agents use for the Sentinels.',
    parse: optional,
  },
  'redis-node-sentinel-password-file': {
    fallback: '',
    help: 'File with the password of --redis-node-sentinel-username. Every agent receives it: restrict this user to queries for the master.',
    parse: optional,
  },
  'redis-node-password-lifetime': {
    fallback: '24h',
    help: "Lifetime of a node's Redis password; it is replaced after half of this time.",
    parse: positiveDuration,
  },
  'intent-directory': {
    fallback: '',
    help: 'Directory of the LanePolicies, Renewals and CARotations of operators, for a controller without Kubernetes; by default they are Kubernetes objects.',
    parse: optional,
  },
  'lane-policies-file': {
    fallback: '',
    help: 'JSON file {defaults, overrides} with the rate limits of issuers; see docs/lanes.md.',
    parse: optional,
  },
  'dispatch-concurrency': {
    fallback: '64',
    help: 'Number of due renewals that this replica processes concurrently.',
    parse: integerBetween(1, 1024),
  },
} as const;

export type ControllerConfig = FlagValues<typeof controllerFlags>;

/**
 * Reads the configuration from a command line and the environment.
 * @throws CertfleetError invalid-argument that lists every problem
 */
export function readConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ControllerConfig {
  const config = parseFlags(controllerFlags, argv, env);
  const problems = contradictions(config);
  if (problems.length > 0) throw new CertfleetError('invalid-argument', problems.join('; '));
  return { ...config, kubeconfig: config.kubeconfig ?? optional(env['KUBECONFIG'] ?? '') };
}

export const configHelp = (): string =>
  `certfleet renewal controller: indexes the certificates of a fleet and schedules their renewals.\n\n${describeFlags(controllerFlags)}`;

export function redisConfigOf(config: ControllerConfig): RedisConfig {
  const given: Readonly<Record<Exclude<keyof RedisConfig, 'url'>, string | undefined>> = {
    username: config['redis-username'],
    passwordFile: config['redis-password-file'],
    sentinelUsername: config['redis-sentinel-username'],
    sentinelPasswordFile: config['redis-sentinel-password-file'],
    caFile: config['redis-ca-file'],
    certificateFile: config['redis-cert-file'],
    keyFile: config['redis-key-file'],
    serverName: config['redis-server-name'],
  };
  const present = Object.entries(given).filter(([, value]) => value !== undefined);
  return { url: config['redis-url'], ...(Object.fromEntries(present) as Omit<RedisConfig, 'url'>) };
}

const loopback = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

function contradictions(config: ControllerConfig): string[] {
  const problems: string[] = [];
  const certificate = config['tls-cert-file'];
  if ((certificate === undefined) !== (config['tls-key-file'] === undefined))
    problems.push('--tls-cert-file and --tls-key-file must be set together');
  if ((config['redis-cert-file'] === undefined) !== (config['redis-key-file'] === undefined))
    problems.push('--redis-cert-file and --redis-key-file must be set together');
  const isLocalFleet = config['fleet-bind-address'].startsWith('unix:');
  if (certificate === undefined && !isLocalFleet)
    problems.push('--fleet-bind-address requires --tls-cert-file unless it is unix:///path');
  if ((config['agent-service-account'] === undefined) === (config['agent-token-file'] === undefined))
    problems.push('set exactly one of --agent-service-account and --agent-token-file');
  if (config['pod-label'].length > maxLabelKeys) problems.push(`--pod-label: expected at most ${maxLabelKeys}`);
  if (config['posture-refused-signature'].length > 16) problems.push('--posture-refused-signature: at most 16');
  return [...problems, ...apiContradictions(config)];
}

function apiContradictions(config: ControllerConfig): string[] {
  const problems: string[] = [];
  const certificate = config['tls-cert-file'];
  const api = config['api-bind-address'];
  const isApiLocal = api === undefined || loopback.test(api.host ?? '');
  if ((config['api-auth'] === 'proxy') !== (config['api-proxy-secret-file'] !== undefined))
    problems.push('--api-proxy-secret-file must be set with --api-auth=proxy, and only then');
  if (config['api-auth'] === 'none' && !isApiLocal)
    problems.push('--api-auth=none requires a loopback --api-bind-address');
  if (certificate === undefined && !isApiLocal)
    problems.push('--api-bind-address requires --tls-cert-file unless it is a loopback address');
  return problems;
}
