import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { OperatorRight } from './access-review.ts';
import type { KubernetesGate } from './kubernetes-gate.ts';
import { bearerOf } from './operator-gate.ts';
import type { Caller, CallerTraces, OperatorGate } from './operator-gate.ts';
import type { TokenUser } from './token-review.ts';

/** How a proxy tells who asks. */
export interface ProxyGateOptions {
  /** Asks RBAC what the proxy's users may, and knows bearer tokens as ever. */
  readonly kubernetes: KubernetesGate;
  readonly userHeader: string;
  /** Comma-separated groups. */
  readonly groupsHeader: string;
  /** Holds what the proxy sends in `x-certfleet-proxy-secret`; read at each request, so that it may be rotated. */
  readonly secretFile: string;
}

const secretHeader = 'x-certfleet-proxy-secret';
const minSecret = 16;

/**
 * Believes an authenticating proxy, which proves itself by a shared secret: without it anybody who reaches the port could
 * say that they are anybody.
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
      throw new CertfleetError('unauthenticated', "expected the proxy's secret, found none or another");
    }
    const username = headers[userHeader.toLowerCase()];
    if (typeof username !== 'string' || username === '') {
      throw new CertfleetError('unauthenticated', `expected a user in ${userHeader}, found none`);
    }
    const groups = String(headers[groupsHeader.toLowerCase()] ?? '').split(',');
    const named = groups.map((group) => group.trim()).filter((group) => group !== '');
    return { user: { username, uid: '', groups: [...named, 'system:authenticated'], extra: {} }, proof: 'proxy' };
  }

  /** What the proxy sends is its users', who have limits of their own. */
  isKnown(traces: CallerTraces): boolean {
    const given = traces.headers[secretHeader];
    if (given === undefined) return this.#options.kubernetes.isKnown(traces);
    try {
      return typeof given === 'string' && isEqual(given, this.#secret());
    } catch {
      // The file is being replaced; identify says so.
      return false;
    }
  }

  allows(user: TokenUser, right: OperatorRight): Promise<boolean> {
    return this.#options.kubernetes.allows(user, right);
  }

  /** @throws CertfleetError invalid-argument when the file is no secret */
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

/** Compared as hashes, in a time that tells nothing of either. */
function isEqual(a: string, b: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}
