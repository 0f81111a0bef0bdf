import { request } from 'node:https';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { boundedText } from '@certfleet/shared/kube/api-error.ts';
import { boundedSignal } from '@certfleet/shared/kube/bounded-signal.ts';

export interface VaultCall {
  /** `https://host:port`. */
  readonly server: string;
  /** Below `/v1/`. */
  readonly path: string;
  /** Vault's namespace, if it has them. */
  readonly namespace: string | undefined;
  /** CAs of the server as PEM; undefined for those of the system. */
  readonly ca: string | undefined;
  /** Secret. */
  readonly token?: string;
  readonly body: object;
}

const timeoutMs = 15_000;
const maxBytes = 256 * 1024;

/**
 * Sends a POST to Vault or OpenBao and returns the JSON of the response.
 * @throws CertfleetError permission-denied for 403, failed-precondition for another refusal, unavailable without a response
 */
export async function callVault(call: VaultCall, clock: Clock, signal?: AbortSignal): Promise<unknown> {
  const bound = boundedSignal(clock, timeoutMs, signal);
  try {
    const answer = await send(call, bound.signal);
    if (answer.status >= 300) throw refusal(answer);
    return JSON.parse(answer.text);
  } catch (thrown) {
    if (thrown instanceof CertfleetError) throw thrown;
    const { message } = thrown as Error;
    throw new CertfleetError('unavailable', `no usable response of ${call.server}: ${boundedText(message)}`);
  } finally {
    bound.dispose();
  }
}

function send({ server, path, namespace, ca, token, body }: VaultCall, signal: AbortSignal): Promise<VaultAnswer> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'x-vault-request': 'true',
      ...(namespace !== undefined && { 'x-vault-namespace': namespace }),
      ...(token !== undefined && { 'x-vault-token': token }),
    };
    const url = new URL(`/v1/${path}`, server);
    const sent = request(url, { method: 'POST', headers, signal, ...(ca !== undefined && { ca }) }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxBytes) response.destroy(new Error(`the response is larger than ${maxBytes} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString('utf8'),
          retryAfter: response.headers['retry-after'],
        }),
      );
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

interface VaultAnswer {
  readonly status: number;
  readonly text: string;
  /** The header; only seconds are read, which need no clock. */
  readonly retryAfter: string | undefined;
}

function refusal({ status, text, retryAfter = '' }: VaultAnswer): CertfleetError {
  const message = `the server answered ${status}: ${boundedText(errorsIn(text)) || 'no message'}`;
  if (status === 403) return new CertfleetError('permission-denied', message, { retryable: true });
  const isBusy = status >= 500 || status === 429;
  return new CertfleetError(isBusy ? 'unavailable' : 'failed-precondition', message, {
    retryable: true,
    ...(isBusy && /^\d{1,6}$/.test(retryAfter) && { retryAfterMs: Number(retryAfter) * 1000 }),
  });
}

function errorsIn(text: string): string {
  try {
    const { errors } = JSON.parse(text) as { readonly errors?: readonly unknown[] };
    return (errors ?? []).map(String).join('; ');
  } catch {
    return '';
  }
}
