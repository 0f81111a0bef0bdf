import { status } from '@grpc/grpc-js';
import type { handleUnaryCall } from '@grpc/grpc-js';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { grpcStatus } from '@certfleet/shared/grpc-status.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { PublishContext } from '../volume/volume-requests.ts';

/** Where each finished call is told: to the log and to the metrics. */
export interface CallObserver {
  readonly log: Logger;
  readonly observe: (method: string, code: string, durationMs: number) => void;
}

/**
 * Turns an async function into a gRPC handler. This is the one place where calls are logged and where errors become
 * status codes; requests are never logged, since volume contexts and secrets may hold tokens and passwords.
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
    // gRPC has made a wall time of the caller's timeout just now; a clock that steps later must not change it.
    const timeoutMs = (deadline instanceof Date ? deadline.getTime() : deadline) - Date.now();
    const context = { signal: aborter.signal, deadlineMs: startedMs + timeoutMs };
    const finish = (code: status): void => {
      // gRPC also tells of the end of a call that was answered.
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
        // The message goes to the kubelet and into its events: by CertfleetError's rule it holds no secret.
        const [code, details] = [grpcStatus[error.code], error.message];
        observer.log.warn({ method, code: status[code], reason: error.reason, error: error.message }, 'call failed');
        finish(code);
        callback({ code, details });
      },
    );
  };
}
