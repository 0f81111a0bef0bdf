import type { Secret } from '@certfleet/shared/secret.ts';

/** Of the tokens that the kubelet sent as JSON, the one with the empty audience, which is the API server's. */
export function apiServerToken(tokens: Secret | undefined): string | undefined {
  if (tokens === undefined) return undefined;
  try {
    const byAudience = JSON.parse(tokens.reveal()) as Record<string, { token?: unknown } | undefined>;
    const token = byAudience['']?.token;
    return typeof token === 'string' && token !== '' ? token : undefined;
  } catch {
    // The error of JSON.parse would quote the token.
    return undefined;
  }
}
