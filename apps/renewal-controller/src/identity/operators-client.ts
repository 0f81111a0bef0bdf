import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { ReviewClient } from './review-client.ts';

/** What the API server says of the request itself, and an operator may read. */
const tellable: ReadonlySet<string> = new Set(['invalid-argument', 'not-found', 'resource-exhausted']);

/**
 * The API server as it is asked for an operator. What is wrong with the controller's own credentials or connection must not
 * look as if it were the operator's: they get `unavailable`, the log gets the cause.
 */
export function operatorsClient(client: ReviewClient | undefined, log: Logger): ReviewClient | undefined {
  if (client === undefined) return undefined;
  return {
    async request(request) {
      try {
        return await client.request(request);
      } catch (thrown) {
        const error = asCertfleetError(thrown);
        if (tellable.has(error.code)) throw error;
        log.warn({ resource: request.resource.plural, error: error.message }, 'api server asked in vain');
        const message = `the controller cannot read ${request.resource.plural} from the API server now`;
        throw new CertfleetError('unavailable', message, { cause: thrown });
      }
    },
  };
}
