import type { Secret } from '@certfleet/shared/secret.ts';

/** The token with the empty audience, which is the API server's own, of the tokens that the kubelet sent as JSON. */
export function apiServerToken(tokens: Secret | undefined): string | undefined {
  if (tokens === undefined) return undefined;
  try {
    const byAudience = JSON.parse(tokens.reveal()) as Record<string, { token?: unknown } | undefined>;
    const token = byAudience['']?.token;
    return typeof token === 'string' && token !== '' ? token : undefined;
  } catch {
    // The parser's own message would quote the token.
    return undefined;
  }
}
