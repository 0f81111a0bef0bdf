import type { Session } from '@certfleet/operator-api/session.ts';
import type { OperatorRight } from './access-review.ts';
import type { TokenUser } from './token-review.ts';

/** How a caller showed who they are. */
type CallerProof = 'bearer' | 'cookie' | 'proxy' | 'none';

/** Who asks. */
export interface Caller {
  readonly user: TokenUser;
  readonly proof: CallerProof;
}

/** What of a request tells who asks. */
export interface CallerTraces {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The value of the session's cookie. */
  readonly cookie: string | undefined;
  /** Where it comes from, as `sourceOf` says. */
  readonly source?: string;
}

/** Knows operators and what they may do. */
export interface OperatorGate {
  readonly auth: Session['auth'];
  /**
   * Whether the traces identified somebody before, found out without asking anybody: they pass the limit of their address,
   * which others may have used up, and are then checked as ever.
   */
  isKnown(traces: CallerTraces): boolean;
  /** @throws CertfleetError unauthenticated; retryable codes when it cannot be known now */
  identify(traces: CallerTraces): Promise<Caller>;
  /** @throws CertfleetError a retryable one when it cannot be known now */
  allows(user: TokenUser, right: OperatorRight): Promise<boolean>;
}

const local: TokenUser = { username: 'local', uid: '', groups: [], extra: {} };

/** Lets everybody in: for a listener on a loopback address alone, which the configuration sees to. */
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
