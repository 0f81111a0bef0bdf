// A child process with the links of many nodes' agents. Its parent (agent-hosts.ts) sends orders.
import type { FleetLink } from '../../../apps/node-agent/src/fleet/fleet-link.ts';
import { createLogger } from '../../../libs/shared/src/logger.ts';
import { startLink } from '../support/agent-links.ts';
import { LivingVolumes } from '../support/living-volumes.ts';
import type { LivedIssuance, LivingVolumeSketch } from '../support/living-volumes.ts';

export interface HostedNode {
  readonly tokenFile: string;
  readonly volumes: readonly LivingVolumeSketch[];
}

/** The orders to a host. */
export type HostOrder =
  | {
      readonly kind: 'start';
      readonly address: string;
      readonly caFile: string;
      readonly issueMs: number;
      readonly nodes: readonly HostedNode[];
    }
  | { readonly kind: 'count' }
  | { readonly kind: 'collect' }
  | { readonly kind: 'stop' };

/** The answer to each order. */
export interface HostAnswer {
  readonly issuances?: readonly LivedIssuance[];
  /** Volumes that were renewed at least once. */
  readonly renewed?: number;
}

const deadlineLookMs = 250;
const hosted: LivingVolumes[] = [];
const links: FleetLink[] = [];
let looking: NodeJS.Timeout | undefined;

function start({ address, caFile, issueMs, nodes }: HostOrder & { kind: 'start' }): void {
  const log = createLogger(0, { write: () => undefined });
  for (const { tokenFile, volumes } of nodes) {
    const living = new LivingVolumes(issueMs, volumes);
    hosted.push(living);
    links.push(startLink({ access: { address, caFile, tokenFile }, volumes: living, concurrentJobs: 4, log }));
  }
  looking = setInterval(() => {
    for (const living of hosted) living.meetDeadlines(Date.now());
  }, deadlineLookMs);
}

async function obey(order: HostOrder): Promise<HostAnswer> {
  switch (order.kind) {
    case 'start':
      start(order);
      return {};
    case 'count':
      return { renewed: hosted.reduce((sum, { renewed }) => sum + renewed, 0) };
    case 'collect':
      return { issuances: hosted.flatMap(({ issuances }) => issuances) };
    case 'stop':
      clearInterval(looking);
      await Promise.all(links.map((link) => link.stop()));
      return {};
  }
}

process.on('message', (order: HostOrder) => {
  void obey(order).then((answer) => {
    process.send?.(answer, () => {
      if (order.kind === 'stop') process.disconnect?.();
    });
  });
});
