import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The parts of an API server that a controller uses: token reviews of agents, and the list of nodes. */
export class ReviewServer {
  /** Delay of each review, in milliseconds. */
  delayMs = 0;
  /** Whether reviews fail with an internal error. */
  fails = false;
  reviews = 0;
  readonly #server = createServer((request, response) => {
    void this.#answer(request, response).catch(() => response.destroy());
  });

  /** @returns the path of a kubeconfig for this server */
  async start(address: string, directory: string): Promise<string> {
    const port = 6443;
    this.#server.listen(port, address);
    await once(this.#server, 'listening');
    const path = `${directory}/kubeconfig`;
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'chaos', cluster: { server: `http://${address}:${port}`, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'chaos', user: {} }],
      contexts: [{ name: 'chaos', context: { cluster: 'chaos', user: 'chaos' } }],
      'current-context': 'chaos',
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const { status, value } = await this.#answerTo(request, body);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  }

  async #answerTo({ url = '', method }: IncomingMessage, body: string): Promise<{ status: number; value: object }> {
    const node = /\/api\/v1\/nodes\/([^/?]+)/.exec(url)?.[1];
    if (node !== undefined) return { status: 200, value: { apiVersion: 'v1', kind: 'Node', metadata: { name: node } } };
    if (method !== 'POST' || !url.includes('/tokenreviews'))
      return { status: 404, value: { kind: 'Status', code: 404, reason: 'NotFound' } };
    this.reviews += 1;
    if (this.delayMs > 0) await sleep(this.delayMs);
    if (this.fails) return { status: 500, value: { kind: 'Status', code: 500, reason: 'InternalError' } };
    return { status: 201, value: review(JSON.parse(body) as { readonly spec: { readonly token: string } }) };
  }
}

function review({ spec }: { readonly spec: { readonly token: string } }): object {
  const node = /^token-of-(.+)$/.exec(spec.token)?.[1];
  const user = {
    username: 'system:serviceaccount:certfleet:agent',
    uid: 'agent',
    groups: ['system:serviceaccounts'],
    extra: { 'authentication.kubernetes.io/node-name': [node] },
  };
  const status =
    node === undefined ? { authenticated: false } : { authenticated: true, audiences: ['certfleet'], user };
  return { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec, status };
}
