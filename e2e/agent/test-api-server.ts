import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@certfleet/shared/clock.ts';
import { parseGoDuration } from '@certfleet/shared/go-duration.ts';
import { LocalCaIssuer } from '../../apps/node-agent/src/local-ca/local-ca-issuer.ts';
import { openLocalCa } from '../../apps/node-agent/src/local-ca/local-ca.ts';
import { testVolumeSpec } from '../../apps/node-agent/src/spec/testing/volume-spec.ts';
import { ApiObjects, matches } from '../node-simulation/api-objects.ts';
import type { ApiChange, ApiObject } from '../node-simulation/api-objects.ts';

const plural = 'certificaterequests';

interface Watch {
  readonly selector: string | null;
  readonly response: ServerResponse;
}

/** The parts of a path; `name` is undefined for a collection. */
interface Route {
  readonly namespace: string;
  readonly resource: string;
  readonly name: string | undefined;
}

/**
 * A fake API server with cert-manager, over real sockets, limited to the calls of the agent. It outlives the agents of
 * a test and counts their requests.
 */
export class TestApiServer {
  readonly #objects = new ApiObjects();
  readonly #server: Server;
  readonly #issuer: LocalCaIssuer;
  readonly #answerDelayMs: () => number;
  readonly #caDirectory: string;
  readonly #watches = new Set<Watch>();
  /** Names of all requests ever created, in order. */
  readonly created: string[] = [];

  private constructor(caDirectory: string, issuer: LocalCaIssuer, answerDelayMs: () => number) {
    this.#caDirectory = caDirectory;
    this.#issuer = issuer;
    this.#answerDelayMs = answerDelayMs;
    this.#objects.onChange = (change) => {
      for (const watch of this.#watches) tell(watch, change);
    };
    this.#server = createServer((request, response) => void this.#receive(request, response));
  }

  /** Starts a server whose issuer answers each request after a delay in milliseconds. */
  static async start(answerDelayMs: () => number = () => 0): Promise<TestApiServer> {
    const caDirectory = mkdtempSync(join(tmpdir(), 'certfleet-ca-'));
    const ca = await openLocalCa(caDirectory, new Date());
    const server = new TestApiServer(caDirectory, new LocalCaIssuer(ca, systemClock), answerDelayMs);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get kubeconfig(): string {
    const { port } = this.#server.address() as AddressInfo;
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'agent', user: { token: 'agent-token' } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'agent' } }],
      'current-context': 'test',
    });
  }

  /** Names of the existing requests of a pod. */
  requestsOf(podUid: string): readonly string[] {
    const owned = [...this.#objects.list(plural)].filter(
      ({ metadata }) => metadata.ownerReferences?.[0]?.uid === podUid,
    );
    return owned.map(({ metadata }) => metadata.name);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#issuer.stop();
    rmSync(this.#caDirectory, { recursive: true });
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://api');
    const route = readPath(url.pathname);
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks).toString();
      if (route === undefined) refuse(response, 404, 'NotFound');
      else if (request.method === 'POST') this.#create(route, body, response);
      else if (request.method === 'DELETE') this.#delete(route, body, response);
      else if (route.name !== undefined) this.#get(route, response);
      else if (url.searchParams.get('watch') === 'true') this.#watch(url.searchParams, response);
      else this.#list(url.searchParams, response);
    } catch {
      // The agent was killed during its request.
      response.destroy();
    }
  }

  #create({ resource, namespace }: Route, body: string, response: ServerResponse): void {
    const object = JSON.parse(body) as ApiObject;
    if (resource === plural) {
      object.metadata.namespace = namespace;
      const { name } = object.metadata;
      if (this.#objects.get(plural, namespace, name) !== undefined) {
        refuse(response, 409, 'AlreadyExists');
        return;
      }
      this.created.push(name);
      this.#objects.create(plural, object, Date.now());
      setTimeout(() => void this.#answer(object), this.#answerDelayMs());
    }
    send(response, 201, object);
  }

  #delete({ namespace, name = '' }: Route, body: string, response: ServerResponse): void {
    const object = this.#objects.get(plural, namespace, name);
    const { preconditions } = JSON.parse(body === '' ? '{}' : body) as { preconditions?: { uid?: string } };
    if (object === undefined) refuse(response, 404, 'NotFound');
    else if (preconditions?.uid !== undefined && preconditions.uid !== object.metadata.uid) {
      refuse(response, 409, 'Conflict');
    } else {
      this.#objects.delete(plural, object);
      send(response, 200, { kind: 'Status', status: 'Success' });
    }
  }

  #get({ resource, namespace, name = '' }: Route, response: ServerResponse): void {
    const object = this.#objects.get(resource, namespace, name);
    if (object === undefined) refuse(response, 404, 'NotFound');
    else send(response, 200, object);
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    const selector = query.get('labelSelector');
    const items = [...this.#objects.list(plural)].filter(({ metadata }) => matches(metadata.labels, selector));
    send(response, 200, { metadata: { resourceVersion: String(this.#objects.version) }, items });
  }

  #watch(query: URLSearchParams, response: ServerResponse): void {
    const missed = this.#objects.since(Number(query.get('resourceVersion')));
    if (missed === undefined) {
      refuse(response, 410, 'Expired');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    const watch = { selector: query.get('labelSelector'), response };
    for (const change of missed) tell(watch, change);
    this.#watches.add(watch);
    response.once('close', () => this.#watches.delete(watch));
  }

  /** Signs like cert-manager: approved, then issued, in the object's status. */
  async #answer(object: ApiObject): Promise<void> {
    const { request, duration } = object.spec as { request: string; duration: string };
    const { name: requestName, uid } = object.metadata;
    const { certificatePem, caPem } = await this.#issuer.issue(
      {
        requestName: `${requestName}-${uid}`,
        volumeId: uid,
        spec: testVolumeSpec({ durationMs: parseGoDuration(duration) }),
        csrPem: Buffer.from(request, 'base64').toString(),
        serviceAccountToken: undefined,
      },
      new AbortController().signal,
    );
    this.#objects.update(plural, object, (each) => {
      each.status = {
        conditions: ['Approved', 'Ready'].map((type) => ({ type, status: 'True', reason: 'Test', message: '' })),
        certificate: Buffer.from(certificatePem).toString('base64'),
        ca: Buffer.from(caPem).toString('base64'),
      };
    });
  }
}

function readPath(pathname: string): Route | undefined {
  const path = /^\/(?:api\/v1|apis\/[^/]+\/v1)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/.exec(pathname);
  const [, namespace = '', resource, name] = path ?? [];
  return resource === undefined ? undefined : { namespace, resource, name };
}

function tell({ selector, response }: Watch, { labels, type, json }: ApiChange): void {
  if (matches(labels, selector)) response.write(`{"type":"${type}","object":${json}}\n`);
}

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, code: number, reason: string): void {
  send(response, code, { kind: 'Status', status: 'Failure', code, reason, message: reason });
}
