// The agent without Kubernetes: it signs certificates with a local CA, for the demo, compose and tests. The image of the
// agent does not contain it.
import { parseFlags } from '@certfleet/shared/flags.ts';
import { nonEmpty } from '@certfleet/shared/flag-parsers.ts';
import { describeAgent, agentFlags, checkConfig } from '../config.ts';
import { runAgent } from '../run-agent.ts';
import { openLocalCaSource } from './local-ca-source.ts';

const flags = {
  ...agentFlags,
  'local-ca': { fallback: undefined, help: 'Directory of the CA; created if it does not exist.', parse: nonEmpty },
} as const;

await runAgent({
  help: () => describeAgent(flags),
  readConfig: (argv, env) => checkConfig(parseFlags(flags, argv, env)),
  openSource: ({ 'local-ca': directory }) => openLocalCaSource(directory),
});
