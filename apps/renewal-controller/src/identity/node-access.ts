import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';

/** Issues and revokes the nodes' access to their queues. */
export interface NodeAccess {
  /**
   * Issues new credentials for a node. The previous ones stay valid until the next call.
   * @throws CertfleetError permission-denied if Redis denies it; unavailable, or the client's error, if Redis is
   *   unavailable
   */
  grant(node: string): Promise<RedisAccess>;
  /** Whether issued credentials still work: Redis may have lost its users, or an administrator may have removed one. */
  stands(node: string, access: RedisAccess): Promise<boolean>;
  /** Revokes the access of a node that left the fleet; no error if it has none. */
  revoke(node: string): Promise<void>;
}
