import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { FastifyRequest } from 'fastify';
import type { OperatorRight } from '../identity/access-review.ts';
import type { Caller, CallerTraces, OperatorGate } from '../identity/operator-gate.ts';
import { missingRight } from './missing-right.ts';
import type { RequestLimits } from './request-limits.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, once the route's right was found to be theirs. */
    operator: string;
    /** The same with all that is known of them; undefined on routes that anybody may ask. */
    caller: Caller | undefined;
    /** Whose share of the limit by address it took; undefined when the caller was known before. */
    limitedSource: string | undefined;
  }
  interface FastifyContextConfig {
    /**
     * What a caller needs: a right, a session whatever its rights, or nothing (`anybody`). A route without this is
     * nobody's.
     */
    readonly right?: OperatorRight | 'session' | 'anybody';
  }
}

/** What access is checked with. */
export interface AccessParts {
  readonly gate: OperatorGate;
  readonly limits: RequestLimits;
}

/** Before anything is asked of anybody: a request of a stranger takes its share of what its address may send. */
export function checkSource({ gate, limits }: AccessParts, request: FastifyRequest, traces: CallerTraces): void {
  if (gate.auth !== 'none' && gate.isKnown(traces)) return;
  request.limitedSource = traces.source ?? 'unknown';
  limits.arrived(request.limitedSource);
}

/** Settles who asks and whether they may, before anything of the request's body is looked at. */
export async function checkAccess(
  { gate, limits }: AccessParts,
  request: FastifyRequest,
  traces: CallerTraces,
): Promise<void> {
  const { right } = request.routeOptions.config;
  if (right === undefined) throw new CertfleetError('permission-denied', 'nobody has a right to this');
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
 * A browser says where a request comes from: none of another site may change anything. Where nobody signs in, a name that
 * was made to point at the loopback address (DNS rebinding) is refused as well.
 */
function checkOrigin({ method, headers }: FastifyRequest, isOpen: boolean): void {
  const { host = '', origin, 'sec-fetch-site': site } = headers;
  if (isOpen && !loopbackHost.test(host)) throw foreign(`a loopback address as the host, found ${host.slice(0, 256)}`);
  if (isSafe(method)) return;
  // No script can set this one, and it holds whatever name a proxy asks us by; older browsers send the origin alone.
  const isSame = typeof site === 'string' ? site === 'same-origin' || site === 'none' : isOf(host, origin);
  if (!isSame) throw foreign('a request of the same origin');
}

/** What the browser adds to any request by itself proves no intent: a header that only the page's script can set does. */
function checkIntent({ method, headers }: FastifyRequest, { proof }: Caller): void {
  if (isSafe(method) || proof === 'bearer' || proof === 'none') return;
  if (headers['x-certfleet'] !== 'page') throw foreign('the header x-certfleet: page');
}

const isSafe = (method: string): boolean => method === 'GET' || method === 'HEAD';
const isOf = (host: string, origin: string | undefined): boolean =>
  origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);

function foreign(expected: string): CertfleetError {
  return new CertfleetError('permission-denied', `expected ${expected}`, { reason: 'ForeignRequest' });
}
