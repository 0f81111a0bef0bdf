import { SessionSchema, SignInSchema } from '@certfleet/operator-api/session.ts';
import type { Session } from '@certfleet/operator-api/session.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { KubernetesGate } from '../../identity/kubernetes-gate.ts';
import type { CallerTraces, OperatorGate } from '../../identity/operator-gate.ts';
import type { OperatorSessions } from '../../identity/operator-sessions.ts';
import type { TokenUser } from '../../identity/token-review.ts';
import type { Api } from './api-context.ts';
import type { EventStreams } from '../live/event-streams.ts';
import { missingRight } from '../access/missing-right.ts';

/** Sign-in with a Kubernetes token. */
export interface SignInParts {
  readonly gate: KubernetesGate;
  readonly sessions: OperatorSessions;
}

export interface SessionRoutesOptions {
  readonly gate: OperatorGate;
  /** Undefined if a proxy authenticates operators or authentication is off. */
  readonly signIn: SignInParts | undefined;
  readonly audit: AuditLog;
  readonly isSecure: boolean;
  /** Name of the cluster. */
  readonly cluster: string | undefined;
  /** Keys of the labels of pods that agents report. */
  readonly podLabels: readonly string[];
  /** Whether the controller follows pod certificates. */
  readonly showsPodCertificates: boolean;
  /** Address of the runbook; undefined if it is not known. */
  readonly runbookUrl: string | undefined;
  readonly tracesOf: (request: FastifyRequest) => CallerTraces;
  readonly streams: EventStreams;
}

/** Routes for the current session, sign-in and sign-out. */
export function sessionRoutes(api: Api, options: SessionRoutesOptions): void {
  const { gate, signIn, audit, isSecure, tracesOf, streams } = options;
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  const response = { 200: SessionSchema };
  routes.get('/session', { config: { right: 'session' }, schema: { response } }, async ({ caller }) => {
    if (caller === undefined) throw new CertfleetError('unauthenticated', 'expected a session, found none');
    return await toSessionDto(options, caller.user);
  });
  routes.post(
    '/session',
    { config: { right: 'anybody' }, schema: { body: SignInSchema, response } },
    async (request, reply) => {
      const { body } = request;
      if (signIn === undefined)
        throw new CertfleetError('failed-precondition', 'sign-in with a token is disabled on this controller');
      const source = tracesOf(request).source ?? 'unknown';
      const user = await signInUser(signIn, body.token, source).catch((thrown: unknown) => {
        const { code, message } = asCertfleetError(thrown);
        if (code === 'unauthenticated' || code === 'resource-exhausted') {
          void audit.refused({ who: unknownUserAt(source), action: 'sign-in', target: 'session', detail: message });
        }
        throw thrown;
      });
      const who = user.username;
      if (!(await gate.allows(user, 'view'))) {
        const refusal = missingRight(who, 'view');
        void audit.refused({ who, action: 'sign-in', target: 'session', detail: refusal.message });
        throw refusal;
      }
      const { id, lifetimeMs } = await audit.around({ who, action: 'sign-in', target: 'session' }, async () => ({
        value: await signIn.sessions.open(user, body.token),
      }));
      setCookie(reply, { id, maxAge: Math.floor(lifetimeMs / 1000), isSecure });
      return await toSessionDto(options, user);
    },
  );
  routes.delete('/session', { config: { right: 'session' } }, async (request, reply) => {
    const id = sessionCookie(request, isSecure);
    if (id !== undefined) {
      await audit.around({ who: request.operator, action: 'sign-out', target: 'session' }, async () => {
        await signIn?.sessions.close(id);
        streams.signedOut(id);
        return { value: undefined };
      });
    }
    setCookie(reply, { id: '', maxAge: 0, isSecure });
    return await reply.code(204).send();
  });
}

/** Name in the audit log for a caller refused before authentication. */
export function unknownUserAt(source: string): string {
  return `unknown at ${source}`;
}

/** Reviews the token and waits for a rate-limited address, so that failures of others do not lock anyone out. */
async function signInUser({ gate }: SignInParts, token: string, source: string): Promise<TokenUser> {
  try {
    return await gate.userOf(token, { source, isPatient: true });
  } catch (thrown) {
    const { code, message } = asCertfleetError(thrown);
    if (code !== 'unauthenticated' || !gate.isOverLimit(source)) throw thrown;
    throw new CertfleetError(
      'resource-exhausted',
      `${message}; sign-in is slower after many failures from your address`,
      {
        reason: 'TooManyFailures',
        retryAfterMs: 1_000,
      },
    );
  }
}

async function toSessionDto(
  options: Pick<SessionRoutesOptions, 'gate' | 'cluster' | 'podLabels' | 'runbookUrl' | 'showsPodCertificates'>,
  user: TokenUser,
): Promise<Session> {
  const { gate, cluster, podLabels, runbookUrl, showsPodCertificates } = options;
  const [view, renew] = await Promise.all([gate.allows(user, 'view'), gate.allows(user, 'renew')]);
  return {
    name: user.username,
    rights: { view, renew },
    ...(cluster !== undefined && { cluster }),
    ...(podLabels.length > 0 && { podLabels: [...podLabels] }),
    ...(showsPodCertificates && { showsPodCertificates }),
    ...(runbookUrl !== undefined && { runbookUrl }),
    auth: gate.auth,
  };
}

/** With this prefix browsers accept the cookie only over TLS, from this host, for all paths. */
const cookieName = (isSecure: boolean): string => (isSecure ? '__Host-certfleet' : 'certfleet');

/** The session id of a request. */
export function sessionCookie({ cookies }: FastifyRequest, isSecure: boolean): string | undefined {
  return cookies[cookieName(isSecure)];
}

function setCookie(
  reply: FastifyReply,
  { id, maxAge, isSecure }: { id: string; maxAge: number; isSecure: boolean },
): void {
  reply.setCookie(cookieName(isSecure), id, {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure: isSecure,
    maxAge,
  });
}
