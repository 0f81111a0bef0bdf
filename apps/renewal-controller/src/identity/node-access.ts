import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';

/** Gives nodes access to their queues, and takes it away again. */
export interface NodeAccess {
  /**
   * New access for a node's agent. What was given before stays valid until the next time.
   * @throws CertfleetError permission-denied when Redis forbids it; unavailable, or the client's error, when Redis is away
   */
  grant(node: string): Promise<RedisAccess>;
  /** Ends the access of a node that left; one that has none is no error. */
  revoke(node: string): Promise<void>;
}
