import type { Clock } from '@certfleet/shared/clock.ts';
import type { ControllerConfig } from './config.ts';
import type { ApiServerOptions } from './http/api-server.ts';
import { KubernetesGate } from './identity/kubernetes-gate.ts';
import { openGate } from './identity/operator-gate.ts';
import { OperatorSessions } from './identity/operator-sessions.ts';
import { ProxyGate } from './identity/proxy-gate.ts';
import type { ReviewClient } from './identity/review-client.ts';
import type { RedisClient } from './redis/create-redis.ts';
import type { RedisKeys } from './redis/redis-keys.ts';

export interface OperatorAccessParts {
  readonly config: ControllerConfig;
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  /** Returns the client for reviews; the argument is the flag that requires it. */
  readonly reviews: (forWhat: string) => ReviewClient;
  readonly clock: Clock;
}

/** Authentication of operators and, if required, the sign-in routes. */
export function operatorAccess({
  config,
  redis,
  keys,
  reviews,
  clock,
}: OperatorAccessParts): Pick<ApiServerOptions, 'gate' | 'signIn'> {
  if (config['api-auth'] === 'none') return { gate: openGate, signIn: undefined };
  const sessions = new OperatorSessions({ redis, keys, clock });
  const gate = new KubernetesGate({ client: reviews('--api-auth'), sessions, clock });
  if (config['api-auth'] === 'kubernetes') return { gate, signIn: { gate, sessions } };
  const proxy = new ProxyGate({
    kubernetes: gate,
    userHeader: config['api-proxy-user-header'],
    groupsHeader: config['api-proxy-groups-header'],
    secretFile: config['api-proxy-secret-file'] ?? '',
  });
  return { gate: proxy, signIn: undefined };
}
