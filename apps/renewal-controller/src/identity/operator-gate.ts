import type { Session } from '@certfleet/operator-api/session.ts';
import type { OperatorRight } from './access-review.ts';
import type { TokenUser } from './token-review.ts';

/** How the caller was authenticated. */
type CallerProof = 'bearer' | 'cookie' | 'proxy' | 'none';

export interface Caller {
  readonly user: TokenUser;
  readonly proof: CallerProof;
}

/** The parts of a request that identify the caller. */
export interface CallerTraces {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Value of the session cookie. */
  readonly cookie: string | undefined;
  /** Source of the request as returned by `sourceOf`. */
  readonly source?: string;
}

/** Authenticates and authorizes operators. */
export interface OperatorGate {
  readonly auth: Session['auth'];
  /**
   * Whether these credentials were valid before, without any request. Known callers are exempt from the rate limit of
   * their address; they are authenticated as usual afterwards.
   */
  isKnown(traces: CallerTraces): boolean;
  /** @throws CertfleetError unauthenticated; retryable codes if the caller could not be checked */
  identify(traces: CallerTraces): Promise<Caller>;
  /** @throws CertfleetError with a retryable code if the right could not be checked */
  allows(user: TokenUser, right: OperatorRight): Promise<boolean>;
}

const local: TokenUser = { username: 'local', uid: '', groups: [], extra: {} };

/** Allows every caller. The configuration permits this only on a loopback address. */
export const openGate: OperatorGate = {
  auth: 'none',
  isKnown: () => false,
  identify: () => Promise.resolve({ user: local, proof: 'none' }),
  allows: () => Promise.resolve(true),
};

/** The token of `Authorization: Bearer`. */
export function bearerOf({ headers }: CallerTraces): string | undefined {
  const { authorization } = headers;
  return typeof authorization === 'string' ? /^Bearer (\S+)$/i.exec(authorization)?.[1] : undefined;
}
