import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { PermitAnswerSchema, permitPath } from '@certfleet/operator-api/lane-permits.ts';
import type { PermitAnswer, PermitRequest } from '@certfleet/operator-api/lane-permits.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError, messageOf } from '@certfleet/shared/errors.ts';
import { boundedText } from '@certfleet/shared/kube/api-error.ts';
import { boundedSignal } from '@certfleet/shared/kube/bounded-signal.ts';
import { Compile } from 'typebox/compile';
import type { AskPermits } from './shared-lane.ts';

export interface PermitClientOptions {
  /** `https://host:port` of the controller's API. */
  readonly url: string;
  /** PEM file of the CA of its certificate; undefined for the CAs of the system. */
  readonly caFile: string | undefined;
  readonly tokenFile: string;
  readonly clock: Clock;
}

const timeoutMs = 4_000;
const maxBytes = 1024 * 1024;
const answers = Compile(PermitAnswerSchema);

/** Asks the renewal controller for permits over HTTPS, with the ServiceAccount token of the signer. */
export class PermitClient {
  readonly #options: PermitClientOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });

  constructor(options: PermitClientOptions) {
    this.#options = options;
  }

  /** @throws CertfleetError unavailable without a usable answer, failed-precondition if the controller refuses */
  readonly ask: AskPermits = async (body, signal) => {
    const bound = boundedSignal(this.#options.clock, timeoutMs, signal);
    try {
      return await this.#ask(body, bound.signal);
    } catch (thrown) {
      if (thrown instanceof CertfleetError) throw thrown;
      throw new CertfleetError('unavailable', `no answer of ${this.#options.url}: ${boundedText(messageOf(thrown))}`);
    } finally {
      bound.dispose();
    }
  };

  close(): void {
    this.#agent.destroy();
  }

  async #ask(body: PermitRequest, signal: AbortSignal): Promise<PermitAnswer> {
    const { url, caFile, tokenFile } = this.#options;
    // Both files are replaced from time to time.
    const [token, ca] = await Promise.all([
      readFile(tokenFile, 'utf8'),
      caFile === undefined ? undefined : readFile(caFile),
    ]);
    const { status, text } = await this.#send({ token: token.trim(), ca, body: JSON.stringify(body), signal });
    const parsed = jsonOf(text);
    if (status !== 200) {
      const { message } = (parsed ?? {}) as { readonly message?: unknown };
      const reason = typeof message === 'string' ? boundedText(message) : 'no message';
      throw new CertfleetError('failed-precondition', `${url} answered ${status}: ${reason}`);
    }
    if (!answers.Check(parsed))
      throw new CertfleetError('unavailable', `${url}: expected permits, found other content`);
    return parsed;
  }

  #send({ token, ca, body, signal }: Sent): Promise<{ readonly status: number; readonly text: string }> {
    return new Promise((resolve, reject) => {
      const headers = {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
        authorization: `Bearer ${token}`,
      };
      const target = new URL(`/api/v1/${permitPath}`, this.#options.url);
      const options = { method: 'POST', headers, signal, agent: this.#agent, ...(ca !== undefined && { ca }) };
      const sent = request(target, options, (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > maxBytes) response.destroy(new Error(`the answer is larger than ${maxBytes} bytes`));
          else chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
        );
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }
}

interface Sent {
  /** Secret. */
  readonly token: string;
  readonly ca: Buffer | undefined;
  readonly body: string;
  readonly signal: AbortSignal;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
