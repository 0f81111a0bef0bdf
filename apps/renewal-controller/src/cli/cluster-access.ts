import type { Duplex } from 'node:stream';
import { ApiException, AuthenticationV1TokenRequest, CoreV1Api, V1TokenRequestSpec } from '@kubernetes/client-node';
import type { KubeConfig, V1Pod, V1Service } from '@kubernetes/client-node';
import { CertfleetError, messageOf } from '@certfleet/shared/errors.ts';
import { loadKubeconfig } from './kubeconfig.ts';
import type { ClusterChoice } from './kubeconfig.ts';
import { forwardPort } from './port-forward.ts';
import type { ForwardPort } from './port-forward.ts';

/** Where the controller is, and as whom to talk to it. */
export interface ControllerChoice extends ClusterChoice {
  /** --controller: NAMESPACE/SERVICE; undefined searches all namespaces. */
  readonly controller: string | undefined;
  /** --service-account: NAMESPACE/NAME of the account whose token is used; undefined if there is another token. */
  readonly serviceAccount: string | undefined;
  /** PEM of --ca-file; undefined reads it from the Secret of the controller's certificate. */
  readonly ca: string | undefined;
}

/** How to talk to a controller in a cluster. */
export interface ControllerAccess {
  readonly server: string;
  readonly ca: string | undefined;
  /** Of --service-account. */
  readonly token: string | undefined;
  /** Opens a connection to the API of a ready replica. */
  readonly open: () => Promise<Duplex>;
}

const component = 'app.kubernetes.io/component=renewal-controller';
/** Name of the Service's port. */
const apiPort = 'https-api';
/** A command takes less; the least that the API server gives. */
const tokenSeconds = 600;
const timeoutMs = 20_000;

/**
 * Finds the Service of the controller by a kubeconfig.
 * @throws CertfleetError with what is missing, such as a right
 */
export async function controllerInCluster(
  choice: ControllerChoice,
  forward: ForwardPort = forwardPort,
): Promise<ControllerAccess> {
  const config = loadKubeconfig(choice);
  const api = config.makeApiClient(CoreV1Api);
  const service = await findService(api, choice.controller);
  const { namespace, name } = refOf(service);
  return {
    server: `https://${name}.${namespace}.svc`,
    ca: choice.ca ?? (await caOf(api, { namespace, name: `${name}-tls` })),
    token: choice.serviceAccount === undefined ? undefined : await tokenOf(api, choice.serviceAccount),
    open: () => open({ config, api, service, forward }),
  };
}

async function findService(api: CoreV1Api, wanted: string | undefined): Promise<V1Service> {
  if (wanted !== undefined) {
    const { namespace, name } = pathOf('controller', wanted);
    return await asked(`read the Service ${wanted}`, api.readNamespacedService({ namespace, name }));
  }
  const search = api.listServiceForAllNamespaces({ labelSelector: component });
  const { items } = await asked('search the Service of the controller (name it by --controller)', search);
  const [first, ...others] = items;
  if (first === undefined) {
    const message = `found no Service with the label ${component}; name it by --controller NAMESPACE/SERVICE`;
    throw new CertfleetError('not-found', message);
  }
  if (others.length === 0) return first;
  const names = items.map(refOf).map(({ namespace, name }) => `${namespace}/${name}`);
  throw new CertfleetError('invalid-argument', `choose one by --controller: ${names.sort().join(', ')}`);
}

/** Undefined if the issuer gives no CA: then the default roots apply. */
async function caOf(api: CoreV1Api, secret: { namespace: string; name: string }): Promise<string | undefined> {
  const what = `read the controller's CA from the Secret ${secret.namespace}/${secret.name} (or give it by --ca-file)`;
  const { data } = await asked(what, api.readNamespacedSecret(secret));
  const ca = data?.['ca.crt'];
  return ca === undefined || ca === '' ? undefined : Buffer.from(ca, 'base64').toString();
}

async function tokenOf(api: CoreV1Api, account: string): Promise<string> {
  const { namespace, name } = pathOf('service-account', account);
  // Without an audience, the API server sets its own, as for kubectl create token.
  const spec = Object.assign(new V1TokenRequestSpec(), { audiences: [], expirationSeconds: tokenSeconds });
  const body = Object.assign(new AuthenticationV1TokenRequest(), { spec });
  const request = api.createNamespacedServiceAccountToken({ namespace, name, body });
  const { status } = await asked(`create a token of the ServiceAccount ${account}`, request);
  if (status?.token === undefined) throw new CertfleetError('unavailable', 'the API server sent no token');
  return status.token;
}

interface Opening {
  readonly config: KubeConfig;
  readonly api: CoreV1Api;
  readonly service: V1Service;
  readonly forward: ForwardPort;
}

/** Looks for a replica each time: the one of before may be gone. */
async function open({ config, api, service, forward }: Opening): Promise<Duplex> {
  const { namespace, name } = refOf(service);
  const selector = Object.entries(service.spec?.selector ?? {}).map(([key, value]) => `${key}=${value}`);
  const request = api.listNamespacedPod({ namespace, labelSelector: selector.join(',') });
  const { items } = await asked(`list the pods of the Service ${namespace}/${name}`, request);
  const target = service.spec?.ports?.find((port) => port.name === apiPort)?.targetPort;
  for (const pod of items) {
    const port = isReady(pod) ? portOf(pod, target) : undefined;
    if (port !== undefined) return await forward(config, { namespace, pod: refOf(pod).name, port });
  }
  const message = `no pod of the Service ${namespace}/${name} is ready and has its port ${apiPort}`;
  throw new CertfleetError('unavailable', message);
}

function refOf({ metadata }: V1Service | V1Pod): { readonly namespace: string; readonly name: string } {
  return { namespace: metadata?.namespace ?? '', name: metadata?.name ?? '' };
}

function isReady({ metadata, status }: V1Pod): boolean {
  const isTrue = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
  return isTrue && metadata?.deletionTimestamp === undefined;
}

function portOf({ spec }: V1Pod, target: string | number | undefined): number | undefined {
  if (typeof target === 'number') return target;
  const ports = spec?.containers.flatMap(({ ports: each = [] }) => each);
  return ports?.find(({ name }) => name !== undefined && name === target)?.containerPort;
}

/** The parts of NAMESPACE/NAME. */
function pathOf(flag: string, value: string): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = '', ...rest] = value.split('/');
  if (namespace !== '' && name !== '' && rest.length === 0) return { namespace, name };
  throw new CertfleetError('invalid-argument', `--${flag}: expected NAMESPACE/NAME, found ${JSON.stringify(value)}`);
}

/** The answer of the API server, or an error that says what was asked for. */
async function asked<T>(what: string, answer: Promise<T>): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1_000} s`)), timeoutMs);
  try {
    return await Promise.race([answer, timeout]);
  } catch (thrown) {
    const code = thrown instanceof ApiException && thrown.code === 403 ? 'permission-denied' : 'unavailable';
    throw new CertfleetError(code, `could not ${what}: ${reasonOf(thrown)}`);
  } finally {
    clearTimeout(timer);
  }
}

/** The API server explains a refusal in a Status object. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof ApiException)) return messageOf(thrown);
  try {
    const { message } = JSON.parse(String(thrown.body)) as { readonly message?: string };
    if (message !== undefined) return message;
  } catch {
    // A proxy answers otherwise.
  }
  return `the API server answered ${thrown.code}`;
}
