import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { FleetView } from '../fleet-index/view/fleet-view.ts';
import type { NodeState } from '../fleet-index/model/node-session.ts';
import type { FleetServer } from './fleet-server.ts';
import type { VolumeDescription, VolumeOfNode } from './node-questions.ts';
import type { QuestionRelay } from './question-relay.ts';

export interface VolumeDescriptionsOptions {
  readonly server: Pick<FleetServer, 'isConnected' | 'describe'>;
  readonly relay: Pick<QuestionRelay, 'describe'>;
  readonly view: () => FleetView;
  readonly replica: string;
  readonly silentAfterMs: number;
  readonly clock: Clock;
}

/** Reads the current contents of a volume's certificate files from its node. */
export type DescribeVolume = (volume: VolumeOfNode) => Promise<VolumeDescription>;

/** Until the fleet API serves nobody can be asked. */
export const notReady: DescribeVolume = () =>
  Promise.reject(new CertfleetError('unavailable', 'the controller is starting; try again soon'));

/**
 * Asks the agent of the volume's node, directly or through the replica that it is connected to.
 * @throws CertfleetError unavailable or resource-exhausted, with a message for the operator
 */
export function volumeDescriptions(options: VolumeDescriptionsOptions): DescribeVolume {
  return async (volume) => {
    const tried = nodeNow(options, volume.node);
    try {
      return await ask(options, volume, tried);
    } catch (thrown) {
      const error = asCertfleetError(thrown);
      const moved = nodeNow(options, volume.node);
      const isElsewhere = moved.connectedTo !== tried.connectedTo || options.server.isConnected(volume.node);
      if (error.reason !== 'NotConnected' || !isElsewhere) throw asText(error, moved);
      // The agent connected to another replica in the meantime, as agents do when a replica restarts.
      return await ask(options, volume, moved).catch((again: unknown) => {
        throw asText(asCertfleetError(again), moved);
      });
    }
  };
}

function nodeNow({ view }: VolumeDescriptionsOptions, node: string): NodeState {
  return view().node(node) ?? { node, agentVersion: '', connectedTo: '', lastSeenMs: 0 };
}

async function ask(
  { server, relay, replica, silentAfterMs, clock }: VolumeDescriptionsOptions,
  { node, volumeId }: VolumeOfNode,
  { connectedTo, lastSeenMs }: NodeState,
): Promise<VolumeDescription> {
  if (server.isConnected(node)) return await server.describe(node, volumeId);
  // Zero during the first seconds after this replica has started.
  if (lastSeenMs > 0 && clock.now() - lastSeenMs > silentAfterMs) {
    const since = new Date(lastSeenMs).toISOString();
    throw new CertfleetError('unavailable', `node ${node} is silent: its agent was last seen at ${since}`);
  }
  if (connectedTo === '' || connectedTo === replica) return await server.describe(node, volumeId);
  return await relay.describe(connectedTo, { node, volumeId });
}

function asText(error: CertfleetError, { node, agentVersion }: NodeState): CertfleetError {
  if (error.code !== 'deadline-exceeded') return error;
  const message = `the agent of node ${node} does not answer; it is busy or its version (${agentVersion}) does not support this request`;
  return new CertfleetError('unavailable', message, { cause: error });
}
