import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { ErrorCode } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { ReviewClient } from './review-client.ts';

/** Errors about the request itself; operators may see them. */
const visibleCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'invalid-argument',
  'not-found',
  'resource-exhausted',
]);

/**
 * A client for requests on behalf of operators. Problems of the controller's own credentials or connection are logged
 * and reported to the operator as `unavailable`, never as the operator's own.
 */
export function operatorsClient(client: ReviewClient | undefined, log: Logger): ReviewClient | undefined {
  if (client === undefined) return undefined;
  return {
    async request(request) {
      try {
        return await client.request(request);
      } catch (thrown) {
        const error = asCertfleetError(thrown);
        if (visibleCodes.has(error.code)) throw error;
        log.warn(
          { resource: request.resource.plural, error: error.message },
          'request to the API server for an operator failed',
        );
        const message = `the controller cannot read ${request.resource.plural} from the API server now`;
        throw new CertfleetError('unavailable', message, { cause: thrown });
      }
    },
  };
}
