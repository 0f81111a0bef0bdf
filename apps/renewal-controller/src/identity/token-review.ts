import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import type { ReviewClient } from './review-client.ts';

const tokenReviews: ApiResource = { group: 'authentication.k8s.io', version: 'v1', plural: 'tokenreviews' };

/** Who a token speaks for, as the API server says. */
export interface TokenUser {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** A projected token is 1 to 2 KB; anything longer is not worth the API server's time. */
const maxToken = 16 * 1024;

interface RawReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly audiences?: readonly string[];
    readonly user?: Partial<TokenUser>;
  };
}

/**
 * Asks the API server whose token it is. Without an audience it must be valid for the API server itself.
 * @throws CertfleetError unauthenticated when the token is not valid; otherwise as KubeClient.request does
 */
export async function reviewToken(client: ReviewClient, token: string, audience?: string): Promise<TokenUser> {
  if (token === '' || token.length > maxToken) throw refused();
  const spec = { token, ...(audience === undefined ? {} : { audiences: [audience] }) };
  const review = (await client.request({
    verb: 'create',
    resource: tokenReviews,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec },
    // A review changes nothing: after a lost connection it may be asked again.
    repeatable: true,
    timeoutMs: 10_000,
  })) as RawReview;
  const { status } = review;
  if (status?.authenticated !== true) throw refused();
  // An authenticator that knows no audiences answers without them: such a token was not made for us.
  if (audience !== undefined && status.audiences?.includes(audience) !== true) throw refused();
  return userOf(status.user);
}

function userOf({ username = '', uid = '', groups = [], extra = {} }: Partial<TokenUser> = {}): TokenUser {
  return { username, uid, groups, extra };
}

/** What a token says of itself; its signature is not checked here. */
export interface TokenClaims {
  readonly subject: string | undefined;
  /** When it was made and when it ends, in milliseconds of its issuer's clock. */
  readonly issuedMs: number | undefined;
  readonly expiresMs: number | undefined;
}

/** The claims of a JWT; none for other kinds of tokens. Never throws. */
export function tokenClaims(token: string): TokenClaims {
  const claims = token.length > maxToken ? {} : jsonOf(token.split('.')[1] ?? '');
  const seconds = (claim: unknown): number | undefined =>
    typeof claim === 'number' && Number.isFinite(claim) ? claim * 1000 : undefined;
  return {
    subject: typeof claims['sub'] === 'string' ? claims['sub'] : undefined,
    issuedMs: seconds(claims['iat']),
    expiresMs: seconds(claims['exp']),
  };
}

function jsonOf(base64url: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(base64url, 'base64url').toString());
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** One message for every reason: it must not tell a caller how close a guess was. */
function refused(): CertfleetError {
  return new CertfleetError('unauthenticated', 'expected a valid token, found none');
}
