import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { FleetView } from '../fleet-index/view/fleet-view.ts';
import type { RedisConnections } from '../redis/redis-connections.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import type { FleetServer } from './fleet-server.ts';
import { QuestionRelay } from './question-relay.ts';
import { volumeDescriptions } from './volume-descriptions.ts';
import type { DescribeVolume } from './volume-descriptions.ts';

export interface QuestionsParts {
  readonly server: FleetServer;
  readonly connections: RedisConnections;
  readonly keys: RedisKeys;
  readonly replica: string;
  readonly view: () => FleetView;
  readonly silentAfterMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Lets operators query any agent, also one that is connected to another replica. */
export function startQuestions(parts: QuestionsParts): {
  readonly describeVolume: DescribeVolume;
  readonly stop: () => ReturnType<QuestionRelay['stop']>;
} {
  const { server, connections, keys, replica, view, silentAfterMs, clock, log } = parts;
  const relay = new QuestionRelay({
    redis: connections.commands,
    subscriber: connections.create('subscriber', 'relay'),
    keys,
    replica,
    describe: (node, volumeId) => server.describe(node, volumeId),
    clock,
    log,
  });
  relay.start();
  const describeVolume = volumeDescriptions({ server, relay, view, replica, silentAfterMs, clock });
  return { describeVolume, stop: () => relay.stop() };
}
