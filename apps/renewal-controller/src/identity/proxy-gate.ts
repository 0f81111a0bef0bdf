import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { OperatorRight } from './access-review.ts';
import type { KubernetesGate } from './kubernetes-gate.ts';
import { bearerOf } from './operator-gate.ts';
import type { Caller, CallerTraces, OperatorGate } from './operator-gate.ts';
import type { TokenUser } from './token-review.ts';

export interface ProxyGateOptions {
  /** Authorizes the proxy's users and authenticates bearer tokens. */
  readonly kubernetes: KubernetesGate;
  readonly userHeader: string;
  /** Header with comma-separated groups. */
  readonly groupsHeader: string;
  /** Secret that the proxy sends in `x-certfleet-proxy-secret`. Read at each request, so that it can be rotated. */
  readonly secretFile: string;
}

const secretHeader = 'x-certfleet-proxy-secret';
const minSecret = 16;

/**
 * Trusts the user headers of an authenticating proxy that sends a shared secret. Without the secret anyone who reaches
 * the port could claim any identity.
 */
export class ProxyGate implements OperatorGate {
  readonly auth = 'proxy';
  readonly #options: ProxyGateOptions;

  constructor(options: ProxyGateOptions) {
    this.#options = options;
    this.#secret();
  }

  async identify(traces: CallerTraces): Promise<Caller> {
    const { kubernetes, userHeader, groupsHeader } = this.#options;
    const { headers } = traces;
    const given = headers[secretHeader];
    if (given === undefined && bearerOf(traces) !== undefined) return await kubernetes.identify(traces);
    if (typeof given !== 'string' || !isEqual(given, this.#secret())) {
      throw new CertfleetError('unauthenticated', "the proxy's secret is missing or wrong");
    }
    const username = headers[userHeader.toLowerCase()];
    if (typeof username !== 'string' || username === '') {
      throw new CertfleetError('unauthenticated', `the header ${userHeader} is missing`);
    }
    const groups = String(headers[groupsHeader.toLowerCase()] ?? '').split(',');
    const named = groups.map((group) => group.trim()).filter((group) => group !== '');
    return { user: { username, uid: '', groups: [...named, 'system:authenticated'], extra: {} }, proof: 'proxy' };
  }

  /** Requests of the proxy are limited per user, not per address. */
  isKnown(traces: CallerTraces): boolean {
    const given = traces.headers[secretHeader];
    if (given === undefined) return this.#options.kubernetes.isKnown(traces);
    try {
      return typeof given === 'string' && isEqual(given, this.#secret());
    } catch {
      // The file is being replaced; identify reports the error.
      return false;
    }
  }

  allows(user: TokenUser, right: OperatorRight): Promise<boolean> {
    return this.#options.kubernetes.allows(user, right);
  }

  /** @throws CertfleetError invalid-argument if the secret is too short */
  #secret(): string {
    const { secretFile } = this.#options;
    const secret = readFileSync(secretFile, 'utf8').trim();
    if (secret.length >= minSecret) return secret;
    throw new CertfleetError(
      'invalid-argument',
      `--api-proxy-secret-file: expected ${minSecret} characters or more in ${secretFile}, found ${secret.length}`,
    );
  }
}

/** Compares hashes, so that the duration reveals nothing about the secret. */
function isEqual(a: string, b: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}
