import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { integerBetween, listenAddress, nonEmpty, optional, positiveDuration } from '@certfleet/shared/flag-parsers.ts';
import { describeFlags, parseFlags } from '@certfleet/shared/flags.ts';
import type { FlagValues } from '@certfleet/shared/flags.ts';
import type { LaneOverride, LanePolicy } from './lanes/lane-policy.ts';
import type { RedisConfig } from './redis/create-redis.ts';

/** Every flag of the controller. */
export const controllerFlags = {
  'log-level': {
    fallback: '1',
    short: 'v',
    help: 'Verbosity: 1 for operators, 2 for each renewal, 5 for everything.',
    parse: integerBetween(0, 10),
  },
  'fleet-bind-address': {
    fallback: ':8443',
    help: 'Where agents connect: host:port over TLS, without a host on every address, or unix:///path without TLS.',
    parse: nonEmpty,
  },
  'api-bind-address': {
    fallback: ':8080',
    help: "Address of the operators' API; 0 turns it off.",
    parse: listenAddress,
  },
  'ops-bind-address': {
    fallback: ':9402',
    help: 'Address of /metrics, /healthz and /readyz, without TLS; 0 turns it off.',
    parse: listenAddress,
  },
  'tls-cert-file': {
    fallback: '',
    help: 'PEM chain that agents and operators are shown; followed as it is renewed.',
    parse: optional,
  },
  'tls-key-file': { fallback: '', help: 'PEM key of that certificate.', parse: optional },
  'replica-name': {
    fallback: '',
    help: 'Name of this replica, which no other has; the host name unless given.',
    parse: optional,
  },
  'heartbeat-interval': {
    fallback: '10s',
    help: 'How often agents say that they live; silent after three.',
    parse: positiveDuration,
  },
  'forget-node-after': {
    fallback: '24h',
    help: 'A node that was silent for so long is forgotten, with its queue and its access; one that left the cluster at once.',
    parse: positiveDuration,
  },
  'agent-service-account': {
    fallback: '',
    help: "The agents' ServiceAccount, as namespace/name; their tokens are reviewed by the API server.",
    parse: optionalServiceAccount,
  },
  'agent-token-audience': { fallback: 'certfleet', help: "Audience of the agents' tokens.", parse: nonEmpty },
  'agent-token-file': {
    fallback: '',
    help: 'File of token,node lines in the place of reviews; for one machine without Kubernetes only.',
    parse: optional,
  },
  'api-auth': {
    fallback: 'kubernetes',
    help: "Who may use the operators' API and page: kubernetes (TokenReview and SubjectAccessReview), proxy (an authenticating proxy says who asks, SubjectAccessReview what they may), or none, on a loopback address only.",
    parse: oneOf('kubernetes', 'proxy', 'none'),
  },
  'api-proxy-secret-file': {
    fallback: '',
    help: 'File of the secret that the proxy sends in x-certfleet-proxy-secret; required by --api-auth=proxy.',
    parse: optional,
  },
  'api-proxy-user-header': {
    fallback: 'x-forwarded-user',
    help: 'Header in which the proxy names the user.',
    parse: nonEmpty,
  },
  'api-proxy-groups-header': {
    fallback: 'x-forwarded-groups',
    help: "Header in which the proxy names the user's groups, separated by commas.",
    parse: nonEmpty,
  },
  'api-rate-limit': {
    fallback: '1200',
    help: "Requests of one user to the operators' API a minute, and ten times as many of one address from strangers; 0 for no limit.",
    parse: integerBetween(0, 1_000_000),
  },
  'api-trusted-proxies': {
    fallback: '',
    help: "Addresses or CIDRs, separated by commas, of proxies before the operators' API: limits are by what they say in X-Forwarded-For, which is ignored from anybody else.",
    parse: networks,
  },
  'page-directory': {
    fallback: '',
    help: "Folder of the operators' page; the one beside the program unless given.",
    parse: optional,
  },
  kubeconfig: {
    fallback: '',
    help: 'Kubeconfig file; without it the pod’s own service account is used.',
    parse: optional,
  },
  'redis-url': {
    fallback: 'redis://127.0.0.1:6379',
    help: 'redis://, rediss://, redis+sentinel://h1,h2/master or redis+cluster://h1,h2.',
    parse: nonEmpty,
  },
  'redis-username': { fallback: '', help: 'User in Redis.', parse: optional },
  'redis-password-file': { fallback: '', help: "File of that user's password.", parse: optional },
  'redis-sentinel-username': { fallback: '', help: 'User of the Sentinels.', parse: optional },
  'redis-sentinel-password-file': { fallback: '', help: "File of the Sentinels' password.", parse: optional },
  'redis-ca-file': { fallback: '', help: "PEM file of the CA of Redis' certificate; turns TLS on.", parse: optional },
  'redis-cert-file': { fallback: '', help: 'PEM chain of a client certificate for Redis.', parse: optional },
  'redis-key-file': { fallback: '', help: 'PEM key of that certificate.', parse: optional },
  'redis-server-name': { fallback: '', help: "Name in Redis' certificate when it is not the host's.", parse: optional },
  'redis-prefix': { fallback: 'certfleet', help: 'First part of every key in Redis.', parse: keyPrefix },
  'redis-node-url': {
    fallback: '',
    help: 'Redis as agents reach it, when that is another address than the controller’s.',
    parse: optional,
  },
  'redis-node-access': {
    fallback: 'acl',
    help: "acl makes a user per node, which reaches that node's queue alone; shared gives all agents one user, where Redis forbids that.",
    parse: oneOf('acl', 'shared'),
  },
  'redis-node-username': { fallback: '', help: 'The one user of shared access.', parse: optional },
  'redis-node-password-file': { fallback: '', help: "File of that user's password.", parse: optional },
  'redis-node-sentinel-username': { fallback: '', help: 'User by which agents ask the Sentinels.', parse: optional },
  'redis-node-sentinel-password-file': {
    fallback: '',
    help: 'File of that user’s password, which every agent is told: for a user that may do no more than ask for the master.',
    parse: optional,
  },
  'redis-node-password-lifetime': {
    fallback: '24h',
    help: 'A node’s password is replaced after half of this.',
    parse: positiveDuration,
  },
  'lane-policies-file': {
    fallback: '',
    help: 'JSON of {defaults, overrides}: the pace that issuers can bear. See the reference of lanes.',
    parse: optional,
  },
  'dispatch-concurrency': { fallback: '64', help: 'Renewals in hand at once.', parse: integerBetween(1, 1024) },
} as const;

/** The controller's configuration by flag name. */
export type ControllerConfig = FlagValues<typeof controllerFlags>;

/**
 * The configuration of a command line and environment.
 * @throws CertfleetError invalid-argument that names everything wrong at once
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

/** The text of `--help`. */
export function configHelp(): string {
  return `certfleet renewal controller: knows every certificate of the fleet and gets each renewed in time.\n\n${describeFlags(controllerFlags)}`;
}

/** Redis as the flags name it. */
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

/** What the file of lane policies says; checked by LanePolicies. */
export function readLanePolicies(path: string | undefined): {
  readonly defaults?: Partial<LanePolicy>;
  readonly overrides?: readonly LaneOverride[];
} {
  if (path === undefined) return {};
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ReturnType<typeof readLanePolicies>;
  } catch (cause) {
    throw new CertfleetError('invalid-argument', `--lane-policies-file: expected JSON in ${path}`, { cause });
  }
}

const loopback = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

function contradictions(config: ControllerConfig): string[] {
  const problems: string[] = [];
  const certificate = config['tls-cert-file'];
  if ((certificate === undefined) !== (config['tls-key-file'] === undefined)) {
    problems.push('--tls-cert-file and --tls-key-file: expected both or none');
  }
  if ((config['redis-cert-file'] === undefined) !== (config['redis-key-file'] === undefined)) {
    problems.push('--redis-cert-file and --redis-key-file: expected both or none');
  }
  const isLocalFleet = config['fleet-bind-address'].startsWith('unix:');
  if (certificate === undefined && !isLocalFleet) {
    problems.push('--fleet-bind-address: expected a certificate by --tls-cert-file, or unix:///path');
  }
  if ((config['agent-service-account'] === undefined) === (config['agent-token-file'] === undefined)) {
    problems.push('expected one of --agent-service-account and --agent-token-file');
  }
  return [...problems, ...apiContradictions(config)];
}

function apiContradictions(config: ControllerConfig): string[] {
  const problems: string[] = [];
  const certificate = config['tls-cert-file'];
  const api = config['api-bind-address'];
  const isApiLocal = api === undefined || loopback.test(api.host ?? '');
  if ((config['api-auth'] === 'proxy') !== (config['api-proxy-secret-file'] !== undefined)) {
    problems.push('--api-proxy-secret-file: expected it with --api-auth=proxy, and with that alone');
  }
  if (config['api-auth'] === 'none' && !isApiLocal) {
    problems.push('--api-auth: expected none on a loopback --api-bind-address only');
  }
  if (certificate === undefined && !isApiLocal) {
    problems.push('--api-bind-address: expected a certificate by --tls-cert-file, or a loopback address');
  }
  return problems;
}

function oneOf<const Choice extends string>(...choices: readonly Choice[]): (text: string) => Choice {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined) {
      throw new CertfleetError('invalid-argument', `expected ${choices.join(' or ')}, found ${JSON.stringify(text)}`);
    }
    return found;
  };
}

/** Addresses and CIDRs, as a list. */
function networks(text: string): readonly string[] {
  const given = text.split(',').map((each) => each.trim());
  const list = given.filter((each) => each !== '');
  for (const each of list) {
    const [network = '', bits, ...rest] = each.split('/');
    const maxBits = isIP(network) === 6 ? 128 : 32;
    // With /0 anybody could say where they come from.
    const isPrefix = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) > 0 && Number(bits) <= maxBits);
    if (isIP(network) === 0 || !isPrefix || rest.length > 0) {
      throw new CertfleetError(
        'invalid-argument',
        `expected addresses or CIDRs such as 10.0.0.0/8, found ${JSON.stringify(each)}`,
      );
    }
  }
  return list;
}

function optionalServiceAccount(text: string): string | undefined {
  if (text === '' || /^[a-z0-9-]+\/[a-z0-9.-]+$/.test(text)) return optional(text);
  throw new CertfleetError('invalid-argument', `expected namespace/name, found ${JSON.stringify(text)}`);
}

/** Braces would change the hash tags, and a star or a question mark what an ACL pattern names. */
function keyPrefix(text: string): string {
  if (/^[a-zA-Z0-9_.-]{1,64}$/.test(text)) return text;
  throw new CertfleetError(
    'invalid-argument',
    `expected letters, digits, dots, dashes and underscores, found ${JSON.stringify(text)}`,
  );
}
