import { parseArgs } from 'node:util';
import { CertfleetError } from '@certfleet/shared/errors.ts';

/** A command line, taken apart. */
export interface CliOptions {
  readonly command: string;
  /** What stands after the command. */
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
  output: { ...text, short: 'o' },
  namespace: { ...text, short: 'n' },
  node: text,
  pod: text,
  volume: text,
  issuer: text,
  state: text,
  search: text,
  sort: text,
  selector: { ...text, short: 'l' },
  'issued-before': text,
  'ca-fingerprint': text,
  reason: text,
  all: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  'ignore-windows': { type: 'boolean' },
  wait: { type: 'boolean' },
  certificate: { type: 'boolean' },
  cancel: text,
  help: { type: 'boolean', short: 'h' },
} as const;

/** @throws CertfleetError invalid-argument that says what is not understood */
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

/** The text of `certfleet help`. */
export const cliHelp = `certfleet: the certificates of the fleet and their renewals.

  certfleet status                        the fleet in numbers, and what is being renewed
  certfleet list                          volumes; -n, --node, --pod, --issuer, --state, --search narrow it down, --sort
  certfleet show VOLUME                   everything known of one volume; --certificate prints its certificate
  certfleet nodes                         nodes and whether their agents were heard of
  certfleet lanes                         issuers' lanes: pace, what waits, pauses
  certfleet renew --reason TEXT           renew now what is selected; --dry-run counts, --wait follows, --cancel ID
      -n NAMESPACE, --node, --pod, --volume, -l SELECTOR, --issuer KEY,
      --state STATE, --search TEXT, --issued-before TIME, --ca-fingerprint SHA256, or --all
  certfleet pause LANE --reason TEXT      hold every renewal of an issuer; LANE is an id or a key of "lanes"
  certfleet resume LANE
  certfleet audit                         who did what

  -o json                                 the API's own answer
  --server URL, --token-file FILE, --ca-file FILE, --server-name NAME
      or CERTFLEET_SERVER, CERTFLEET_TOKEN, CERTFLEET_CA_FILE, CERTFLEET_SERVER_NAME
      https://127.0.0.1:8080 unless given; see kubectl port-forward and kubectl create token

  exit code 0; 1 when the controller refused or could not be reached; 2 when a part could not be read, such as the renewals
  of "status" while Redis is away; 64 when the command line is wrong
`;
