import { Type } from 'typebox';
import type { Static } from 'typebox';
import { ByStateSchema, count, nonEmptyString, time, string } from './fields.ts';

export const NodePathSchema = Type.Object({ node: nonEmptyString('Name of the node') });

const node = {
  node: string('Name of the node'),
  agentVersion: string('Version of its agent'),
  connectedTo: string('Replica that its agent is connected to'),
  lastSeen: Type.Optional(time('Time of the last heartbeat; absent during the first seconds')),
  isSilent: Type.Boolean({ description: 'Whether the agent missed its heartbeats' }),
  volumes: count('Volumes on it'),
  byState: ByStateSchema,
};

/** A node as reported by its agent. */
const NodeSchema = Type.Object(node);
export type Node = Static<typeof NodeSchema>;

export const NodesSchema = Type.Object({
  at: Type.Optional(time("Time of the response, by the controller's clock")),
  nodes: Type.Array(NodeSchema),
});
export type Nodes = Static<typeof NodesSchema>;

/** A node and the length of its queue. */
export const NodeDetailSchema = Type.Object({
  ...node,
  waiting: Type.Optional(count('Jobs in its queue; absent while Redis is unavailable')),
});
export type NodeDetail = Static<typeof NodeDetailSchema>;
