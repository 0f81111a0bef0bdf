import { Type } from 'typebox';
import type { Static } from 'typebox';
import { ByStateSchema, count, nonEmptyString, time, string } from './fields.ts';

export const NodePathSchema = Type.Object({ node: nonEmptyString('Name of the node') });

const node = {
  node: string('Name of the node'),
  agentVersion: string('Version of its agent'),
  connectedTo: string("The replica that holds its agent's stream"),
  lastSeen: Type.Optional(time('When it was last heard of; absent in the first seconds')),
  isSilent: Type.Boolean({ description: 'Whether it missed its heartbeats' }),
  volumes: count('Volumes on it'),
  byState: ByStateSchema,
};

/** A node as its agent tells of it. */
const NodeSchema = Type.Object(node);
export type Node = Static<typeof NodeSchema>;

export const NodesSchema = Type.Object({
  at: Type.Optional(time("When this was said, by the controller's clock")),
  nodes: Type.Array(NodeSchema),
});
export type Nodes = Static<typeof NodesSchema>;

/** One node, with what waits for it. */
export const NodeDetailSchema = Type.Object({
  ...node,
  waiting: Type.Optional(count('Jobs in its queue; absent while Redis is away')),
});
export type NodeDetail = Static<typeof NodeDetailSchema>;
