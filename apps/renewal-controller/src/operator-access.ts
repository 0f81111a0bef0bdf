import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
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

/** Authentication of operators and of signers and, if required, the sign-in routes. */
export function operatorAccess({
  config,
  redis,
  keys,
  reviews,
  clock,
}: OperatorAccessParts): Pick<ApiServerOptions, 'gate' | 'signerGate' | 'signIn'> {
  if (config['api-auth'] === 'none') return { gate: openGate, signerGate: openGate, signIn: undefined };
  const sessions = new OperatorSessions({ redis, keys, clock });
  const gate = new KubernetesGate({ client: reviews('--api-auth'), sessions, clock });
  // Not a token of the API server: the controller must not be able to act as the signer.
  const audience = config['agent-token-audience'];
  const signerGate = new KubernetesGate({ client: reviews('--api-auth'), sessions: noSessions, clock, audience });
  if (config['api-auth'] === 'kubernetes') return { gate, signerGate, signIn: { gate, sessions } };
  const proxy = new ProxyGate({
    kubernetes: gate,
    userHeader: config['api-proxy-user-header'],
    groupsHeader: config['api-proxy-groups-header'],
    secretFile: config['api-proxy-secret-file'] ?? '',
  });
  return { gate: proxy, signerGate, signIn: undefined };
}

const noSessions = {
  find: () => Promise.reject(new CertfleetError('unauthenticated', 'the token is missing')),
};
