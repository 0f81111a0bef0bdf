import { openClusterSource } from './cluster-source.ts';
import { configHelp, readConfig } from './config.ts';
import { runAgent } from './run-agent.ts';

await runAgent({ help: configHelp, readConfig, openSource: () => openClusterSource });
