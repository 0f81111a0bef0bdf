import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';

/** Gives nodes access to their queues, and takes it away again. */
export interface NodeAccess {
  /**
   * New access for a node's agent. What was given before stays valid until the next time.
   * @throws CertfleetError permission-denied when Redis forbids it; unavailable, or the client's error, when Redis is away
   */
  grant(node: string): Promise<RedisAccess>;
  /** Whether access that was given still works: Redis may have lost it, or somebody removed it. */
  stands(node: string, access: RedisAccess): Promise<boolean>;
  /** Ends the access of a node that left; one that has none is no error. */
  revoke(node: string): Promise<void>;
}
