/** What an agent says of itself when it connects. */
export interface NodeInfo {
  readonly agentVersion: string;
  /** The replica that holds the agent's stream. */
  readonly connectedTo: string;
}

/** Reads what stands of a node; of one that a newer release wrote, what is understood. */
export function parseNodeInfo(json: string): NodeInfo {
  try {
    const { agentVersion, connectedTo } = (JSON.parse(json) ?? {}) as Partial<Record<keyof NodeInfo, unknown>>;
    return { agentVersion: textOf(agentVersion), connectedTo: textOf(connectedTo) };
  } catch {
    return { agentVersion: '', connectedTo: '' };
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/**
 * One stream of one agent. Only the session that was opened last may write what is known of its node: an older stream
 * that still drains cannot undo what the newer one reported, and a session that Redis no longer knows tells that the
 * index was lost.
 */
export interface NodeSession {
  readonly node: string;
  readonly id: string;
}

/**
 * What makes a session follow another one: it is opened only while the node's session is still the one that was looked
 * at before the agent was last heard of, so that a stream that its agent gave up cannot displace a newer one.
 */
export interface SessionEntry {
  /** Chosen by the caller, so that it may be opened again when an answer was lost. */
  readonly id: string;
  /** The node's session as it was then; empty for none. */
  readonly expected: string;
}

/** `current`: go on. `superseded`: a newer stream of the node took over, end this one. `lost`: send Resync. */
export type SessionStatus = 'current' | 'superseded' | 'lost';

/** A node as the index knows it. */
export interface NodeState extends NodeInfo {
  readonly node: string;
  readonly lastSeenMs: number;
}

/** A node that was not heard of for some time. */
export interface SilentNode {
  readonly node: string;
  /** By Redis' clock. */
  readonly silentForMs: number;
  /** Changes with every sign of life. */
  readonly mark: string;
}
