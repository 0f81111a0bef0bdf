import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The fake's behaviour; a test may change it at any time. */
export interface FakeReviewerState {
  tokenReviews: number;
  accessReviews: number;
  /** Users without any permission. */
  readonly denied: Set<string>;
  /** Status that the API server returns to the controller itself. */
  refusal: 401 | 403 | undefined;
}

/**
 * A fake API server that only implements reviews, for failures that a real one cannot produce: the token `good-NAME` is
 * valid for NAME, and `bound-NAME` for an audience other than the API server.
 */
export class FakeReviewer implements AsyncDisposable {
  readonly state: FakeReviewerState = { tokenReviews: 0, accessReviews: 0, denied: new Set(), refusal: undefined };
  readonly #directory = mkdtempSync(join(tmpdir(), 'certfleet-reviewer-'));
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  static async start(): Promise<FakeReviewer> {
    const reviewer = new FakeReviewer();
    await new Promise<void>((resolve) => reviewer.#server.listen(0, '127.0.0.1', resolve));
    return reviewer;
  }

  /** A kubeconfig for this server. */
  get kubeconfig(): string {
    const path = join(this.#directory, 'kubeconfig');
    const { port } = this.#server.address() as AddressInfo;
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'fake', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'controller', user: { token: 'token-of-the-controller' } }],
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'controller' } }],
      'current-context': 'fake',
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    // It has no other objects.
    const status = request.url?.includes('reviews') === true ? (this.state.refusal ?? 201) : 404;
    response.writeHead(status, { 'content-type': 'application/json' });
    const failure = { kind: 'Status', message: 'the secret words of the API server', code: status };
    response.end(JSON.stringify(status === 201 ? this.#review(request.url ?? '', text) : failure));
  }

  #review(url: string, text: string): object {
    const { spec } = JSON.parse(text) as {
      readonly spec: { readonly token?: string; readonly user?: string; readonly audiences?: readonly string[] };
    };
    if (url.includes('tokenreviews')) {
      this.state.tokenReviews += 1;
      const [, kind, username] = /^(good|bound)-(.+)$/.exec(spec.token ?? '') ?? [];
      const { audiences } = spec;
      if (username === undefined || (kind === 'bound') !== (audiences !== undefined)) return { status: {} };
      return { status: { authenticated: true, user: { username, groups: [] }, ...(audiences && { audiences }) } };
    }
    this.state.accessReviews += 1;
    return { status: { allowed: !this.state.denied.has(spec.user ?? '') } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
