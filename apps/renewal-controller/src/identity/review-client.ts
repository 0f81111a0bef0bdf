import { orAborted } from '@certfleet/shared/or-aborted.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { ApiRequest, KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { Logger } from '@certfleet/shared/logger.ts';

/** Asks the API server for a review. */
export type ReviewClient = Pick<KubeClient, 'request'>;

/** How a review ended: answered, refused because of the controller's own credentials, or not answered. */
export type ReviewResult = 'answered' | 'forbidden' | 'unavailable';

/** What reviews are made with. */
export interface ReviewClientOptions {
  readonly client: ReviewClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observe: (result: ReviewResult) => void;
}

/** Retries of the client included: a caller waits no longer for the API server. */
const timeoutMs = 8_000;

/**
 * The API server as a reviewer. Whatever keeps a review from being made is this controller's trouble and no property of
 * who asks: the caller gets `unavailable` without a word about the inside, the cause is logged once until it is over.
 */
export function reviewClient({ client, clock, log, observe }: ReviewClientOptions): ReviewClient {
  let failing: string | undefined;
  const failed = (thrown: unknown, hasTimedOut: boolean): CertfleetError => {
    const error = asCertfleetError(thrown);
    const result = !hasTimedOut && ownCredentials.has(error.code) ? 'forbidden' : 'unavailable';
    observe(result);
    const cause = hasTimedOut ? `expected an answer within ${timeoutMs} ms, found none` : error.message;
    if (failing !== result) {
      const what = result === 'forbidden' ? 'the api server refuses this controller' : 'the api server does not answer';
      log.error({ error: cause, reason: error.reason }, `${what}: callers cannot be checked`);
    }
    failing = result;
    return new CertfleetError('unavailable', 'the controller cannot check now who asks: try again', {
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
        if (failing !== undefined) log.info('callers can be checked again');
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

/** 401 and 403 of the API server to the controller itself. */
const ownCredentials: ReadonlySet<string> = new Set(['unauthenticated', 'permission-denied']);
