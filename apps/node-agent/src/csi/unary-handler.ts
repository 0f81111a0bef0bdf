import { status } from '@grpc/grpc-js';
import type { handleUnaryCall } from '@grpc/grpc-js';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { grpcStatus } from '@certfleet/shared/grpc-status.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { PublishContext } from '../volume/volume-requests.ts';

/** Receives each finished call, for log and metrics. */
export interface CallObserver {
  readonly log: Logger;
  readonly observe: (method: string, code: string, durationMs: number) => void;
}

/**
 * Turns an async function into a gRPC handler. Only this function logs calls and turns errors into status codes.
 * Requests are never logged, because volume contexts and secrets may contain tokens and passwords.
 */
export function unaryHandler<Request, Response>(
  method: string,
  observer: CallObserver,
  handle: (request: Request, context: PublishContext) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const startedMs = performance.now();
    const aborter = new AbortController();
    const abort = (): void => aborter.abort();
    call.on('cancelled', abort);
    const deadline = call.getDeadline();
    // gRPC has just converted the caller's timeout to wall time; a later change of the clock must not affect it.
    const timeoutMs = (deadline instanceof Date ? deadline.getTime() : deadline) - Date.now();
    const context = { signal: aborter.signal, deadlineMs: startedMs + timeoutMs };
    const finish = (code: status): void => {
      // gRPC also emits 'cancelled' after an answered call.
      call.off('cancelled', abort);
      observer.observe(method, status[code], performance.now() - startedMs);
    };
    handle(call.request, context).then(
      (response) => {
        observer.log.debug({ method }, 'call served');
        finish(status.OK);
        callback(null, response);
      },
      (thrown: unknown) => {
        const error = asCertfleetError(thrown);
        // The message goes to the kubelet and into its Events; a CertfleetError's message never contains a secret.
        const [code, details] = [grpcStatus[error.code], error.message];
        observer.log.warn({ method, code: status[code], reason: error.reason, error: error.message }, 'call failed');
        finish(code);
        callback({ code, details });
      },
    );
  };
}
