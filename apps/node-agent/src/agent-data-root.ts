import type { Logger } from '@certfleet/shared/logger.ts';
import type { AgentConfig } from './config.ts';
import { openDataRoot } from './mount/data-root.ts';
import type { Mounter } from './mount/mounter.ts';

/** Opens the directory of the volumes as the flags describe it; see `openDataRoot`. */
export function openAgentDataRoot(config: AgentConfig, mounter: Mounter, log: Logger): Promise<string> {
  return openDataRoot({
    dataRoot: config['data-root'],
    previousDataRoots: config['previous-data-root'],
    driverName: config['driver-name'],
    tmpfsSizeBytes: config['tmpfs-size'],
    ignoreForeignVolumes: config['ignore-foreign-volumes'],
    mounter,
    log,
  });
}
