import { createHash } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { reviewAccess } from './access-review.ts';
import type { OperatorRight } from './access-review.ts';
import { bearerOf } from './operator-gate.ts';
import type { Caller, CallerTraces, OperatorGate } from './operator-gate.ts';
import type { OperatorSessions } from './operator-sessions.ts';
import { ShortMemory } from './short-memory.ts';
import { reviewToken } from './token-review.ts';
import type { TokenUser } from './token-review.ts';

/** What the gate works with. */
export interface KubernetesGateOptions {
  readonly client: Pick<KubeClient, 'request'>;
  readonly sessions: Pick<OperatorSessions, 'find'>;
  readonly clock: Clock;
}

/** How long a review holds: what RBAC takes away is away after this. */
const reviewedForMs = 10_000;

/** Knows operators by their Kubernetes tokens, sent with each request or once at sign-in, and asks RBAC what they may. */
export class KubernetesGate implements OperatorGate {
  readonly auth = 'kubernetes';
  readonly #options: KubernetesGateOptions;
  readonly #users: ShortMemory<TokenUser>;
  readonly #rights: ShortMemory<boolean>;

  constructor(options: KubernetesGateOptions) {
    this.#options = options;
    this.#users = new ShortMemory({ clock: options.clock, keptMs: reviewedForMs });
    this.#rights = new ShortMemory({ clock: options.clock, keptMs: reviewedForMs });
  }

  async identify(traces: CallerTraces): Promise<Caller> {
    const token = bearerOf(traces);
    if (token !== undefined) return { user: await this.userOf(token), proof: 'bearer' };
    if (traces.cookie === undefined) throw new CertfleetError('unauthenticated', 'expected a valid token, found none');
    return { user: await this.#options.sessions.find(traces.cookie), proof: 'cookie' };
  }

  /** Whose token it is. @throws as reviewToken does */
  userOf(token: string): Promise<TokenUser> {
    // By its hash: tokens are not kept, not even for seconds.
    const key = createHash('sha256').update(token).digest('base64');
    return this.#users.get(key, () => reviewToken(this.#options.client, token));
  }

  allows(user: TokenUser, right: OperatorRight): Promise<boolean> {
    return this.#rights.get(JSON.stringify([right, user]), () => reviewAccess(this.#options.client, user, right));
  }
}
