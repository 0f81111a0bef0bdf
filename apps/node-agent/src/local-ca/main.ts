// The agent without Kubernetes: it signs certificates with a local CA, for the demo, compose and tests. The image of the
// agent does not contain it.
import { parseFlags } from '@certfleet/shared/flags.ts';
import { nonEmpty, optional } from '@certfleet/shared/flag-parsers.ts';
import { checkConfig } from '../check-config.ts';
import { describeAgent, agentFlags } from '../config.ts';
import { runAgent } from '../run-agent.ts';
import { openLocalCaSource } from './local-ca-source.ts';

const flags = {
  ...agentFlags,
  'local-ca': {
    fallback: undefined,
    help: 'Directory of the CA; created if it does not exist. Its file is read again for each certificate.',
    parse: nonEmpty,
  },
  'ca-rotations-directory': {
    fallback: '',
    help: 'Directory of the CARotations of a controller on this machine: carotations in its --intent-directory.',
    parse: optional,
  },
} as const;

await runAgent({
  help: () => describeAgent(flags),
  readConfig: (argv, env) => checkConfig(parseFlags(flags, argv, env)),
  openSource: ({ 'local-ca': directory, 'ca-rotations-directory': rotations }) =>
    openLocalCaSource(directory, rotations),
});
