import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { FastifyRequest } from 'fastify';
import type { OperatorRight } from '../../identity/access-review.ts';
import type { Caller, CallerTraces, OperatorGate } from '../../identity/operator-gate.ts';
import { missingRight } from './missing-right.ts';
import type { RequestLimits } from './request-limits.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Name of the user, set after the route's right was checked. */
    operator: string;
    /** The authenticated caller; undefined on routes that anyone may call. */
    caller: Caller | undefined;
    /** Source whose limit the request counted against; undefined if the caller was known. */
    limitedSource: string | undefined;
  }
  interface FastifyContextConfig {
    /**
     * Required access: a right, a session with any rights, or nothing (`anybody`). Routes without an explicit right are
     * denied.
     */
    readonly right?: OperatorRight | 'session' | 'anybody';
  }
}

export interface AccessParts {
  readonly gate: OperatorGate;
  /** For the right `sign`. */
  readonly signerGate: OperatorGate;
  readonly limits: RequestLimits;
}

/** Rate-limits requests of unknown callers by address, before any other check. */
export function checkSource({ gate, limits }: AccessParts, request: FastifyRequest, traces: CallerTraces): void {
  if (gate.auth !== 'none' && gate.isKnown(traces)) return;
  request.limitedSource = traces.source ?? 'unknown';
  limits.arrived(request.limitedSource);
}

/** Authenticates and authorizes a request before its body is parsed. */
export async function checkAccess(
  { gate: operatorGate, signerGate, limits }: AccessParts,
  request: FastifyRequest,
  traces: CallerTraces,
): Promise<void> {
  const { right } = request.routeOptions.config;
  if (right === undefined) throw new CertfleetError('permission-denied', 'this route permits no access');
  const gate = right === 'sign' ? signerGate : operatorGate;
  checkOrigin(request, gate.auth === 'none');
  if (right === 'anybody') return;
  const caller = await gate.identify(traces);
  request.caller = caller;
  request.operator = caller.user.username;
  limits.identified(request.limitedSource, caller.user.username);
  checkIntent(request, caller);
  if (right !== 'session' && !(await gate.allows(caller.user, right))) {
    throw missingRight(request.operator, right);
  }
}

const loopbackHost = /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)(:\d+)?$/;

/**
 * Rejects state-changing requests from other sites. Without authentication it also rejects host names other than
 * loopback addresses, as a protection against DNS rebinding.
 */
function checkOrigin({ method, headers }: FastifyRequest, isOpen: boolean): void {
  const { host = '', origin, 'sec-fetch-site': site } = headers;
  if (isOpen && !loopbackHost.test(host))
    throw foreignRequest(`a loopback address as the host, found ${host.slice(0, 256)}`);
  if (isSafe(method)) return;
  // Scripts cannot set Sec-Fetch-Site, and it is correct behind proxies that change the host. Older browsers send only
  // Origin.
  const isSame = typeof site === 'string' ? site === 'same-origin' || site === 'none' : isOf(host, origin);
  if (!isSame) throw foreignRequest('a same-origin request');
}

/** Cookies are sent automatically and prove no intent; this header can only be set by the page's own script. */
function checkIntent({ method, headers }: FastifyRequest, { proof }: Caller): void {
  if (isSafe(method) || proof === 'bearer' || proof === 'none') return;
  if (headers['x-certfleet'] !== 'page') throw foreignRequest('the header x-certfleet: page');
}

const isSafe = (method: string): boolean => method === 'GET' || method === 'HEAD';
const isOf = (host: string, origin: string | undefined): boolean =>
  origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);

function foreignRequest(expected: string): CertfleetError {
  return new CertfleetError('permission-denied', `expected ${expected}`, { reason: 'ForeignRequest' });
}
