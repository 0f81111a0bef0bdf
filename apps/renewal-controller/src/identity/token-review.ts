import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import type { ReviewClient } from './review-client.ts';

const tokenReviews: ApiResource = { group: 'authentication.k8s.io', version: 'v1', plural: 'tokenreviews' };

/** The user of a token as returned by the API server. */
export interface TokenUser {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** A projected token has 1 to 2 KB; longer ones are rejected without a request. */
const maxToken = 16 * 1024;

interface RawReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly audiences?: readonly string[];
    readonly user?: Partial<TokenUser>;
  };
}

/**
 * Asks the API server for the user of a token. Without an audience the token must be valid for the API server itself.
 * @throws CertfleetError unauthenticated if the token is not valid; otherwise as KubeClient.request
 */
export async function reviewToken(client: ReviewClient, token: string, audience?: string): Promise<TokenUser> {
  if (token === '' || token.length > maxToken) throw refused();
  const spec = { token, ...(audience === undefined ? {} : { audiences: [audience] }) };
  const review = (await client.request({
    verb: 'create',
    resource: tokenReviews,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec },
    // A review has no side effects and can be repeated after a lost connection.
    repeatable: true,
    timeoutMs: 10_000,
  })) as RawReview;
  const { status } = review;
  if (status?.authenticated !== true) throw refused();
  // An authenticator without audience support omits them; such a token was not issued for the controller.
  if (audience !== undefined && status.audiences?.includes(audience) !== true) throw refused();
  return userOf(status.user);
}

function userOf({ username = '', uid = '', groups = [], extra = {} }: Partial<TokenUser> = {}): TokenUser {
  return { username, uid, groups, extra };
}

/** Claims of a token, without verification of its signature. */
export interface TokenClaims {
  readonly subject: string | undefined;
  /** In milliseconds of the issuer's clock. */
  readonly issuedMs: number | undefined;
  readonly expiresMs: number | undefined;
}

/** The claims of a JWT; empty for other tokens. Never throws. */
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

/** The same message for every reason, so that it gives no hint to an attacker. */
function refused(): CertfleetError {
  return new CertfleetError('unauthenticated', 'expected a valid token, found none');
}
