/** A node, or the controller for an agent, is silent after this many missed heartbeats. */
export const missedHeartbeats = 3;

/** Bounds of the heartbeat interval that an agent accepts from the controller, in seconds. */
export const heartbeatBounds = { low: 1, high: 300 } as const;
