import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControllerAccess } from '../../../apps/node-agent/src/fleet/controller-client.ts';
import { FleetLink } from '../../../apps/node-agent/src/fleet/fleet-link.ts';
import type { FleetVolumes } from '../../../apps/node-agent/src/fleet/fleet-volumes.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import type { Logger } from '../../../libs/shared/src/logger.ts';
import type { ClientCertificateFiles } from '../../../libs/shared/src/redis-tls.ts';

/** The parameters of a node's link. */
export interface StartedLink {
  readonly access: ControllerAccess;
  readonly volumes: FleetVolumes;
  readonly concurrentJobs: number;
  readonly redisCertificate?: ClientCertificateFiles | undefined;
  readonly log: Logger;
}

/** Writes the file of --agent-token-file for these nodes. @returns its path */
export function writeAgentTokens(directory: string, nodes: readonly string[]): string {
  const path = join(directory, 'tokens');
  writeFileSync(path, nodes.map((node) => `${tokenOf(node)},${node}\n`).join(''));
  return path;
}

/** Writes the token of one node's agent. @returns the file's path */
export function writeAgentToken(directory: string, node: string): string {
  const path = join(directory, `token-of-${node}`);
  writeFileSync(path, tokenOf(node));
  return path;
}

/** How a node's agent reaches the controller that listens on a socket in the directory. */
export function agentAccess(directory: string, socket: string, node: string): ControllerAccess {
  const address = `unix:${join(directory, socket)}`;
  return { address, caFile: undefined, tokenFile: writeAgentToken(directory, node) };
}

/** An agent's link in this process. */
export function startLink({ access, ...options }: StartedLink): FleetLink {
  const link = new FleetLink({
    redisCertificate: undefined,
    ...options,
    controller: access,
    version: '1.0.0',
    clock: systemClock,
    onConnected: () => undefined,
  });
  link.start();
  return link;
}

function tokenOf(node: string): string {
  return `token-of-${node}`;
}
