import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { CertfleetError } from '@certfleet/shared/errors.ts';

/** A parsed command line. */
export interface CliOptions {
  readonly command: string;
  /** Positional arguments after the command. */
  readonly operands: readonly string[];
  readonly output: 'table' | 'json';
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
}

const text = { type: 'string' } as const;
const flags = {
  server: text,
  'token-file': text,
  'ca-file': text,
  'server-name': text,
  kubeconfig: text,
  context: text,
  controller: text,
  'service-account': text,
  output: { ...text, short: 'o' },
  namespace: { ...text, short: 'n' },
  node: text,
  pod: text,
  volume: text,
  issuer: text,
  signer: text,
  state: text,
  served: text,
  search: text,
  sort: text,
  order: text,
  'at-risk': { type: 'boolean' },
  risk: text,
  'expires-before': text,
  'expires-after': text,
  'renews-before': text,
  'renews-after': text,
  workload: text,
  label: text,
  posture: { type: 'boolean' },
  'rsa-below': text,
  signature: text,
  'lifetime-over': text,
  'requested-over': text,
  'is-ca': { type: 'boolean' },
  'not-ca': { type: 'boolean' },
  usage: text,
  'group-by': text,
  who: text,
  action: text,
  target: text,
  since: text,
  selector: { ...text, short: 'l' },
  'issued-before': text,
  'issued-after': text,
  'ca-fingerprint': text,
  reason: text,
  all: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  'ignore-windows': { type: 'boolean' },
  wait: { type: 'boolean' },
  certificate: { type: 'boolean' },
  cancel: text,
  suspend: text,
  resume: text,
  approve: text,
  canary: text,
  'stop-after-failures': text,
  from: text,
  to: text,
  phase: text,
  suspended: { type: 'boolean' },
  'hold-before': text,
  'max-failures': text,
  'max-not-loaded': text,
  'max-unknown': text,
  'confirmed-signers': text,
  'roll-workloads': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export type CliFlag = keyof typeof flags;

/** The flags of every command. */
const commonFlags: readonly string[] = [
  ...['server', 'token-file', 'ca-file', 'server-name', 'output', 'help'],
  ...['kubeconfig', 'context', 'controller', 'service-account'],
];

/** @throws CertfleetError invalid-argument if a flag has no effect on the command */
export function assertUsed({ command, flags: given }: CliOptions, used: readonly CliFlag[]): void {
  const ignored = Object.keys(given).filter((flag) => ![...commonFlags, ...used].includes(flag));
  if (ignored.length === 0) return;
  const names = ignored.map((flag) => `--${flag}`).join(', ');
  throw new CertfleetError('invalid-argument', `${command}: ${names} has no effect on this command; omit it`);
}

/** @throws CertfleetError invalid-argument for an unknown flag or value */
export function parseCli(argv: readonly string[]): CliOptions {
  let parsed;
  try {
    parsed = parseArgs({ args: [...argv], options: flags, allowPositionals: true, strict: true });
  } catch (thrown) {
    throw new CertfleetError('invalid-argument', thrown instanceof Error ? thrown.message : String(thrown));
  }
  const { values, positionals } = parsed;
  const { output = 'table' } = values;
  if (output !== 'table' && output !== 'json') {
    throw new CertfleetError('invalid-argument', `-o: expected table or json, found ${JSON.stringify(output)}`);
  }
  const [command = 'help', ...operands] = positionals;
  return { command: values.help === true ? 'help' : command, operands, output, flags: values };
}

const help = `certfleet: shows the certificates of a fleet and controls their renewal.

  certfleet status                        fleet summary and renewals on demand
  certfleet list                          volumes; filters: -n, --node, --pod, --issuer, --state, --served, --search; --sort, --order desc
      --ca-fingerprint SHA256             of the certificates of one CA
      --at-risk                           only volumes whose renewal is not certain, with the reason; the next to expire first;
                                          and the pod certificates at risk, unless a filter is for volumes only
      --risk REASON,REASON                only volumes at risk for one of these reasons; none: only those not at risk
      --expires-before, --expires-after, --renews-before, --renews-after TIME
                                          a length from now (24h) or a time in RFC 3339
      --issued-before, --issued-after TIME   a time in RFC 3339
      --posture                           keys, signatures, lifetimes and usages of the certificates instead of the renewals
      --rsa-below BITS, --signature PATTERN, --lifetime-over 90d, --requested-over 90d, --usage PATTERN, --is-ca, --not-ca
      --group-by KEY                      counts by namespace, workload, issuer, node, ca, state, risk or label:KEY
      --workload Deployment/web, --label team=payments
  certfleet show VOLUME                   one volume in detail; --certificate prints its certificate
  certfleet pod-certificates              certificates that kubelets request for pods, whoever signs them;
      filters: -n, --node, --pod, --signer, --workload, --state, --search, --at-risk, --expires-before; --sort
      --group-by KEY                      counts by namespace, workload, signer, node, state or risk
  certfleet nodes                         nodes and when their agents were last seen
  certfleet lanes                         lanes of issuers: rate limit, waiting renewals, pauses
  certfleet renew --reason TEXT           renew the selected volumes now; --dry-run counts, --wait follows
      -n NAMESPACE, --node, --pod, --volume, -l SELECTOR, --issuer KEY,
      --state STATE, --served STATE, --search TEXT, --issued-before TIME, --ca-fingerprint SHA256, --workload, --label,
      --rsa-below, --signature, --lifetime-over, --requested-over, --usage, --is-ca, --not-ca,
      --issued-after, --expires-before, --expires-after, --renews-before, --renews-after, or --all
      --canary N                          renews N volumes first and waits for --approve NAME before the others
      --stop-after-failures N             starts nothing more after N failed attempts, until --resume NAME
      --cancel NAME, --suspend NAME, --resume NAME or --approve NAME changes a renewal that "certfleet status" shows
  certfleet pause LANE --reason TEXT      pause the renewals of an issuer; LANE is an id or a key of "certfleet lanes"
  certfleet resume LANE                   resume a paused lane
  certfleet rotations                     rotations of CAs; show NAME explains what one waits for
      start [NAME] --from CA --to CA --reason TEXT   replaces one CA by the other; CA is a FILE in PEM or a SHA-256 of
      the page of CAs, and after --from also the key of an issuer, of which it is the CA;
      --suspended, --hold-before Reissue,Retire, --max-failures N|N%, --max-not-loaded N|N%, -n, --node, -l;
      of pod certificates: --roll-workloads, --max-unknown N|N%, --confirmed-signers NAME,NAME
      suspend NAME, resume NAME, approve NAME --phase PHASE, rollback NAME, delete NAME
      a proposed rotation, of an issuer that signs with another CA: resume starts it, rollback rejects it
  certfleet audit                         latest actions of operators; filters: --who, --action, --target, --since TIME

  -o json                                 print the API's response as JSON
  --server URL, --token-file FILE, --ca-file FILE, --server-name NAME
      or CERTFLEET_SERVER, CERTFLEET_TOKEN, CERTFLEET_CA_FILE, CERTFLEET_SERVER_NAME
      default https://127.0.0.1:8080, and for the plugin of kubectl, the controller in the cluster of the kubeconfig
  --kubeconfig FILE, --context NAME       the controller in a cluster, through the port-forward of its API server; without
      --server, the plugin of kubectl uses the files and the context that kubectl uses
  --controller NAMESPACE/SERVICE          or CERTFLEET_CONTROLLER: the controller of this Service, if there are several
  --service-account NAMESPACE/NAME        or CERTFLEET_SERVICE_ACCOUNT: uses a token of this account, valid for ten minutes

  Exit codes: 0 success; 1 the controller refused the request or could not be reached; 2 a part of the answer could not be
  read, such as the renewals of "status" while Redis is unavailable; 64 invalid command line
`;

/** Name of the plugin of kubectl, which is the same program. */
const pluginFile = 'kubectl-certfleet';

/** How users call the program: by its own name, or through kubectl. */
export function programName(path: string): string {
  return /^kubectl-certfleet(\.js)?$/.test(basename(path)) ? pluginFile.replace('-', ' ') : 'certfleet';
}

/** Whether kubectl runs the program, so that its kubeconfig is the default. */
export function isPlugin(program: string): boolean {
  return program === pluginFile.replace('-', ' ');
}

/** The usage of the program under a name. */
export function cliHelp(program: string): string {
  return help.replaceAll(/^( *)certfleet\b/gm, `$1${program}`).replaceAll('"certfleet ', `"${program} `);
}
