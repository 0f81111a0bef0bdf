import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { KubeCredentials } from '../kube-credentials.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Responds to one request, breaks the connection, or never responds. */
export type Script = (request: SeenRequest, response: ServerResponse) => void;

/** An HTTP server that replaces the API server, for faults that a real one cannot produce on demand. */
export interface ScriptedServer {
  readonly credentials: KubeCredentials;
  readonly requests: readonly SeenRequest[];
  close(): Promise<void>;
}

/** Starts the server. Each request runs the next script; the last script repeats. */
export async function startScriptedServer(...scripts: readonly Script[]): Promise<ScriptedServer> {
  const requests: SeenRequest[] = [];
  const server = createServer((incoming, response) => {
    let body = '';
    incoming.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming;
      const request = { method, url: new URL(url, 'http://api'), headers, body };
      const script = scripts[Math.min(requests.length, scripts.length - 1)];
      requests.push(request);
      script?.(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const headers = { authorization: 'Bearer agent-token' };
  return {
    credentials: {
      access: () => Promise.resolve({ server: `http://127.0.0.1:${port}`, headers, tls: {} }),
      invalidate: () => undefined,
    },
    requests,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export function json(statusCode: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Script {
  return (_request, response) => {
    response.writeHead(statusCode, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** Responds with a metav1.Status. */
export function status(
  code: number,
  reason: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Script {
  const details = { name: 'x', kind: 'things' };
  return json(code, { kind: 'Status', status: 'Failure', code, reason, message, details }, headers);
}

/** Breaks the connection before a response. */
export const reset: Script = (_request, response) => {
  response.socket?.resetAndDestroy();
};

/** Never responds. */
export const silent: Script = () => undefined;

/** Responds with lines of a watch and then ends it, keeps it open, or breaks it. */
export function lines(events: readonly (object | string)[], then: 'end' | 'keep' | 'break' = 'keep'): Script {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const text = events.map((event) => `${typeof event === 'string' ? event : JSON.stringify(event)}\n`).join('');
    response.write(text === '' ? '\n' : text, () => {
      if (then === 'end') response.end();
      if (then === 'break') response.socket?.resetAndDestroy();
    });
  };
}
