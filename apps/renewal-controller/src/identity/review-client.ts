import { orAborted } from '@certfleet/shared/or-aborted.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { ApiRequest, KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { Logger } from '@certfleet/shared/logger.ts';

export type ReviewClient = Pick<KubeClient, 'request'>;

/** Result of a review: answered, rejected because of the controller's own credentials, or failed. */
export type ReviewResult = 'answered' | 'forbidden' | 'unavailable';

export interface ReviewClientOptions {
  readonly client: ReviewClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observe: (result: ReviewResult) => void;
}

/** Includes the client's retries. */
const timeoutMs = 8_000;

/**
 * A client for reviews. A review that could not be made says nothing about the caller: the caller gets `unavailable`
 * without internal details, and the cause is logged once per outage.
 */
export function reviewClient({ client, clock, log, observe }: ReviewClientOptions): ReviewClient {
  let failing: string | undefined;
  const failed = (thrown: unknown, hasTimedOut: boolean): CertfleetError => {
    const error = asCertfleetError(thrown);
    const result = !hasTimedOut && ownCredentials.has(error.code) ? 'forbidden' : 'unavailable';
    observe(result);
    const cause = hasTimedOut ? `no answer within ${timeoutMs} ms` : error.message;
    if (failing !== result) {
      const what =
        result === 'forbidden'
          ? 'the API server rejects the credentials of this controller'
          : 'the API server does not answer';
      log.error({ error: cause, reason: error.reason }, `${what}: cannot authenticate callers`);
    }
    failing = result;
    return new CertfleetError('unavailable', 'the controller cannot authenticate callers now: try again', {
      reason: 'ReviewUnavailable',
      cause: thrown,
    });
  };
  return {
    async request(request: ApiRequest): Promise<unknown> {
      const timeout = new AbortController();
      const cancel = clock.schedule(timeoutMs, () =>
        timeout.abort(new CertfleetError('deadline-exceeded', 'the review took too long')),
      );
      try {
        const answer = await orAborted(client.request({ ...request, signal: timeout.signal }), timeout.signal);
        observe('answered');
        if (failing !== undefined) log.info('authentication of callers is restored');
        failing = undefined;
        return answer;
      } catch (thrown) {
        throw failed(thrown, timeout.signal.aborted);
      } finally {
        cancel();
      }
    },
  };
}

/** 401 and 403 responses concern the controller's own credentials. */
const ownCredentials: ReadonlySet<string> = new Set(['unauthenticated', 'permission-denied']);
