import type { Clock } from '@certfleet/shared/clock.ts';
import { redisConfigOf } from './config.ts';
import type { ControllerConfig } from './config.ts';
import { identifyByReviewer } from './identity/agent-identity.ts';
import type { IdentifyAgent } from './identity/agent-identity.ts';
import type { NodeAccess } from './identity/node-access.ts';
import { RedisAcl } from './identity/redis-acl.ts';
import type { ReviewClient } from './identity/review-client.ts';
import { sharedAccess } from './identity/shared-access.ts';
import { identifyByStaticTokens } from './identity/static-tokens.ts';
import { TokenReviewer } from './identity/token-reviewer.ts';
import { nodeEndpoint } from './redis/create-redis.ts';
import type { RedisClient } from './redis/create-redis.ts';

/** The source of the nodes' Redis credentials. */
export function nodeAccess(config: ControllerConfig, redis: RedisClient, clock: Clock): NodeAccess {
  const redisConfig = redisConfigOf(config);
  const node = {
    url: config['redis-node-url'],
    sentinelUsername: config['redis-node-sentinel-username'],
    sentinelPasswordFile: config['redis-node-sentinel-password-file'],
  };
  const common = {
    prefix: config['redis-prefix'],
    endpoint: () => nodeEndpoint(redisConfig, node),
    clock,
    lifetimeMs: config['redis-node-password-lifetime'],
  };
  if (config['redis-node-access'] === 'acl') return new RedisAcl({ ...common, redis });
  const { 'redis-node-username': username = '', 'redis-node-password-file': passwordFile } = config;
  return sharedAccess({ ...common, username, passwordFile });
}

/**
 * The authentication of agents.
 * @param reviews returns the client for reviews; the argument is the flag that requires it
 */
export function identifyAgents(
  config: ControllerConfig,
  reviews: (forWhat: string) => ReviewClient,
  clock: Clock,
): IdentifyAgent {
  const { 'agent-token-file': tokenFile, 'agent-service-account': serviceAccount = '' } = config;
  if (tokenFile !== undefined) return identifyByStaticTokens(tokenFile);
  const audience = config['agent-token-audience'];
  return identifyByReviewer(new TokenReviewer({ client: reviews('--agent-service-account'), clock, audience }), {
    audience,
    serviceAccount,
  });
}
