import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { writeTestCertificate } from '@certfleet/shared/testing/test-certificate.ts';
import { apiClient } from './api-client.ts';
import { controllerInCluster } from './cluster-access.ts';
import type { ControllerChoice } from './cluster-access.ts';
import type { ForwardPort, PodPort } from './port-forward.ts';
import { runCli } from './run-cli.ts';

const labels = { 'app.kubernetes.io/component': 'renewal-controller' };
const service = (namespace: string): object => ({
  metadata: { name: 'certfleet-controller', namespace },
  spec: { selector: labels, ports: [{ name: 'https-api', port: 443, targetPort: 'https-api' }] },
});
const pod = (name: string, isReady: boolean, more: object = {}): object => ({
  metadata: { name, namespace: 'certs', ...more },
  spec: { containers: [{ name: 'c', ports: [{ name: 'https-api', containerPort: 8443 }] }] },
  status: { conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
});

/** An API server that answers requests by their path, and the controller behind its port-forward. */
class FakeCluster {
  readonly directory = mkdtempSync(join(tmpdir(), 'certfleet-cli-'));
  readonly kubeconfig = join(this.directory, 'config');
  readonly requests: string[] = [];
  readonly forwards: PodPort[] = [];
  readonly answers = new Map<string, { readonly status?: number; readonly body: unknown }>();
  /** The Authorization headers that the controller has received. */
  readonly tokens: (string | undefined)[] = [];
  readonly #certificate = writeTestCertificate(this.directory);
  readonly #tls = {
    cert: readFileSync(this.#certificate.certificateFile),
    key: readFileSync(this.#certificate.keyFile),
  };
  readonly #api = createServer(this.#tls, (request, response) => {
    this.requests.push(`${request.method} ${decodeURIComponent(request.url ?? '')}`);
    const { status = 200, body } = this.answers.get(pathOf(request)) ?? {
      status: 404,
      body: { kind: 'Status', message: 'not found' },
    };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  readonly #controller = createServer(this.#tls, ({ headers, url }, response) => {
    this.tokens.push(headers.authorization);
    response.end(JSON.stringify({ url, host: headers.host }));
  });

  async start(): Promise<void> {
    await Promise.all([listen(this.#api), listen(this.#controller)]);
    const clusters = (name: string, port: number): object => ({
      name,
      cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority': this.#certificate.certificateFile },
    });
    const context = (name: string): object => ({ name, context: { cluster: name, user: 'me' } });
    const config = {
      clusters: [clusters('here', portOf(this.#api)), clusters('gone', 1)],
      contexts: [context('here'), context('gone')],
      users: [{ name: 'me', user: { token: 'of-the-kubeconfig' } }],
      'current-context': 'here',
    };
    writeFileSync(this.kubeconfig, JSON.stringify(config));
  }

  /** What a cluster with the chart has. */
  reset(): void {
    this.requests.length = this.forwards.length = this.tokens.length = 0;
    this.answers.clear();
    this.answers.set('GET /api/v1/services', { body: { items: [service('certs')] } });
    this.answers.set('GET /api/v1/namespaces/certs/services/certfleet-controller', { body: service('certs') });
    const pods = [pod('starting', false), pod('ending', true, { deletionTimestamp: new Date() }), pod('ready', true)];
    this.answers.set('GET /api/v1/namespaces/certs/pods', { body: { items: pods } });
    const ca = readFileSync(this.#certificate.certificateFile).toString('base64');
    const secret = 'GET /api/v1/namespaces/certs/secrets/certfleet-controller-tls';
    this.answers.set(secret, { body: { data: { 'ca.crt': ca } } });
    const token = 'POST /api/v1/namespaces/ops/serviceaccounts/viewer/token';
    this.answers.set(token, { body: { status: { token: 'of-the-account' } } });
  }

  readonly forward: ForwardPort = (_, target) => {
    this.forwards.push(target);
    return Promise.resolve(connect(portOf(this.#controller), '127.0.0.1'));
  };

  async stop(): Promise<void> {
    for (const server of [this.#api, this.#controller]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    rmSync(this.directory, { recursive: true });
  }
}

function pathOf({ method, url = '' }: IncomingMessage): string {
  return `${method} ${new URL(url, 'http://x').pathname}`;
}

const listen = (server: Server): Promise<void> => new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

describe('the command line in a cluster', () => {
  const cluster = new FakeCluster();
  before(() => cluster.start());
  beforeEach(() => cluster.reset());
  after(() => cluster.stop());

  const choice = (more: Partial<ControllerChoice> = {}): ControllerChoice => ({
    ...{ kubeconfig: cluster.kubeconfig, context: undefined, env: {} },
    ...{ controller: undefined, serviceAccount: undefined, ca: undefined },
    ...more,
  });
  /** Runs a command whose access fails before a port is forwarded. */
  const run = async (program: string, env: Record<string, string>, ...argv: string[]): Promise<string> => {
    let text = '';
    const print = (more: string): void => void (text += more);
    const code = await runCli({ program, argv, env, clock: new ManualClock(0), print, printError: print });
    return `${code} ${text}`;
  };

  test('finds the Service, forwards a port of a ready pod, and verifies the certificate by the CA of the Secret', async () => {
    const access = await controllerInCluster(choice({ serviceAccount: 'ops/viewer' }), cluster.forward);
    assert.equal(access.server, 'https://certfleet-controller.certs.svc');
    // The certificate of this test has another name.
    const ask = apiClient({ ...access, serverName: 'localhost' });
    const answer = await ask('GET', 'summary');
    assert.deepEqual(answer, { url: '/api/v1/summary', host: 'certfleet-controller.certs.svc' });
    await ask.close();
    assert.deepEqual(cluster.forwards, [{ namespace: 'certs', pod: 'ready', port: 8443 }]);
    assert.deepEqual(cluster.tokens, ['Bearer of-the-account'], 'never the credentials of the kubeconfig');
    assert.ok(
      cluster.requests.includes('GET /api/v1/services?labelSelector=app.kubernetes.io/component=renewal-controller'),
    );
  });

  test('rejects a controller that has another certificate than the Service', async () => {
    const access = await controllerInCluster(choice(), cluster.forward);
    const ask = apiClient({ ...access, serverName: undefined });
    await assert.rejects(ask('GET', 'summary'), {
      code: 'unavailable',
      message:
        /could not reach the controller at https:\/\/certfleet-controller\.certs\.svc: .*certfleet-controller\.certs\.svc/,
    });
    assert.deepEqual(cluster.tokens, [], 'it has received no token');
    await ask.close();
  });

  test('explains a port-forward that fails', async () => {
    const failing: ForwardPort = () => Promise.reject(new Error('could not forward a port to the pod ready: 502'));
    const ask = apiClient({ ...(await controllerInCluster(choice(), failing)), serverName: undefined });
    await assert.rejects(ask('GET', 'summary'), { message: /could not forward a port to the pod ready: 502/ });
    await ask.close();
    cluster.answers.set('GET /api/v1/namespaces/certs/pods', { body: { items: [pod('starting', false)] } });
    const none = apiClient({ ...(await controllerInCluster(choice(), failing)), serverName: undefined });
    await assert.rejects(none('GET', 'summary'), {
      message: /no pod of the Service certs\/certfleet-controller is ready/,
    });
    await none.close();
  });

  test('names the right that is missing, and the flag that makes it unnecessary', async () => {
    const forbidden = { kind: 'Status', message: 'services is forbidden: User "me" cannot list resource "services"' };
    cluster.answers.set('GET /api/v1/services', { status: 403, body: forbidden });
    await assert.rejects(controllerInCluster(choice()), {
      code: 'permission-denied',
      message: /^could not search the Service of the controller \(name it by --controller\): services is forbidden/,
    });
    const named = choice({ controller: 'certs/certfleet-controller' });
    assert.equal((await controllerInCluster(named)).server, 'https://certfleet-controller.certs.svc');
    cluster.answers.delete('GET /api/v1/namespaces/certs/secrets/certfleet-controller-tls');
    await assert.rejects(controllerInCluster(named), {
      message: /Secret certs\/certfleet-controller-tls \(or give it by --ca-file\)/,
    });
    assert.equal((await controllerInCluster({ ...named, ca: 'PEM' })).ca, 'PEM');
    await assert.rejects(controllerInCluster({ ...named, ca: 'PEM', serviceAccount: 'ops/unknown' }), {
      message: /could not create a token of the ServiceAccount ops\/unknown: not found/,
    });
  });

  test('lets the operator choose among several controllers, and says so if there is none', async () => {
    cluster.answers.set('GET /api/v1/services', { body: { items: [service('b'), service('a')] } });
    await assert.rejects(controllerInCluster(choice()), {
      message: 'choose one by --controller: a/certfleet-controller, b/certfleet-controller',
    });
    cluster.answers.set('GET /api/v1/services', { body: { items: [] } });
    await assert.rejects(controllerInCluster(choice()), {
      code: 'not-found',
      message: /found no Service with the label/,
    });
    await assert.rejects(controllerInCluster(choice({ controller: 'certfleet-controller' })), {
      message: '--controller: expected NAMESPACE/NAME, found "certfleet-controller"',
    });
  });

  test('reads the kubeconfig that kubectl reads', async () => {
    const missing = join(cluster.directory, 'missing');
    const found = choice({ kubeconfig: undefined, env: { KUBECONFIG: `${missing}:${cluster.kubeconfig}` } });
    assert.equal((await controllerInCluster(found)).server, 'https://certfleet-controller.certs.svc');
    await assert.rejects(controllerInCluster(choice({ context: 'gone' })), { code: 'unavailable' });
    await assert.rejects(controllerInCluster(choice({ context: 'typo' })), {
      message: '--context: the kubeconfig has no context typo; it has here, gone',
    });
    await assert.rejects(controllerInCluster(choice({ kubeconfig: undefined, env: { HOME: missing } })), {
      message: new RegExp(`^found no kubeconfig at ${missing}/\\.kube/config; set KUBECONFIG or --kubeconfig`),
    });
    writeFileSync(missing, 'key: [secret');
    await assert.rejects(controllerInCluster(choice({ kubeconfig: missing })), {
      message: `could not load the kubeconfig ${missing}: not a kubeconfig`,
    });
    rmSync(missing);
  });

  test('is used by the plugin of kubectl without --server, and by the program with a flag that names a cluster', async () => {
    cluster.answers.set('GET /api/v1/services', { body: { items: [] } });
    const env = { KUBECONFIG: cluster.kubeconfig };
    assert.match(await run('kubectl certfleet', env, 'status'), /^1 kubectl certfleet: found no Service/);
    assert.match(await run('certfleet', env, 'status', '--context=here'), /^1 certfleet: found no Service/);
    const server = { ...env, CERTFLEET_SERVER: 'http://127.0.0.1:1' };
    assert.match(
      await run('kubectl certfleet', server, 'status'),
      /could not reach the controller at http:\/\/127\.0\.0\.1:1/,
    );
    assert.match(await run('kubectl certfleet', server, 'status', '--context=here'), /found no Service/);
    assert.match(
      await run('certfleet', env, 'status'),
      /could not reach the controller at https:\/\/127\.0\.0\.1:8080/,
    );
    const both = await run('certfleet', env, 'status', '--server=https://x', '--context=here');
    assert.match(both, /^64 certfleet: --server and --context exclude each other/);
  });
});
