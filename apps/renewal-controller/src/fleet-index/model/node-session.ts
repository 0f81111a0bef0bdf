/** Properties that an agent sends when it connects. */
export interface NodeInfo {
  readonly agentVersion: string;
  /** The replica that serves the agent's stream. */
  readonly connectedTo: string;
}

/** Parses a stored node; of one written by a newer release, the known fields. */
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
 * One stream of one agent. Only the latest session may write the state of its node: an older stream that still drains
 * cannot overwrite newer reports. A session that Redis does not know shows that the index was lost.
 */
export interface NodeSession {
  readonly node: string;
  readonly id: string;
}

/**
 * Orders a session after another one: it is opened only if the node's session is still the one that was read before the
 * agent's last message, so that a stream that its agent abandoned cannot displace a newer one.
 */
export interface SessionEntry {
  /** Chosen by the caller, so that a repeated call after a lost response is idempotent. */
  readonly id: string;
  /** The node's session at that time; empty for none. */
  readonly expected: string;
}

/** `current`: continue. `superseded`: a newer stream of the node exists, end this one. `lost`: send Resync. */
export type SessionStatus = 'current' | 'superseded' | 'lost';

/** A node in the index. */
export interface NodeState extends NodeInfo {
  readonly node: string;
  readonly lastSeenMs: number;
}

/** A node without a recent heartbeat. */
export interface SilentNode {
  readonly node: string;
  /** By Redis' clock. */
  readonly silentForMs: number;
  /** Changes with every heartbeat. */
  readonly mark: string;
}
