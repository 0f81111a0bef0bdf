import { join } from 'node:path';
import { IdentityService, NodeService } from '../../gen/csi/v1/csi.ts';
import { RegistrationService } from '../../gen/pluginregistration/v1/api.ts';
import { identityService } from './identity-service.ts';
import { nodeService } from './node-service.ts';
import type { PublishedVolumes } from './node-service.ts';
import { registrationService } from './registration-service.ts';
import { SocketServer } from './socket-server.ts';
import type { CallObserver } from './unary-handler.ts';

export interface CsiEndpointOptions {
  readonly nodeId: string;
  readonly driverName: string;
  readonly version: string;
  /** The CSI socket, as this process sees it. */
  readonly socketPath: string;
  /** The same socket as the kubelet sees it: a path on the host. */
  readonly kubeletSocketPath: string;
  /** The kubelet's plugins_registry directory; undefined if another process registers the driver. */
  readonly registrationDirectory: string | undefined;
  readonly volumes: PublishedVolumes;
  /** Called each time that the kubelet has registered the driver. */
  readonly onRegistered?: () => void;
  readonly observer: CallObserver;
}

/** How long calls in progress may continue after a stop. */
const stopGraceMs = 5_000;

/** The sockets for the kubelet: the driver's own, and the one for its registration. */
export class CsiEndpoint {
  readonly #options: CsiEndpointOptions;
  readonly #driver: SocketServer;
  readonly #registration: SocketServer | undefined;
  #refusal: string | undefined;

  constructor(options: CsiEndpointOptions) {
    this.#options = options;
    const { driverName, version, volumes, nodeId, observer, registrationDirectory } = options;
    this.#driver = new SocketServer(options.socketPath);
    this.#driver.add(IdentityService, identityService({ name: driverName, version }, observer));
    this.#driver.add(NodeService, nodeService(nodeId, volumes, observer));
    if (registrationDirectory === undefined) return;
    const onStatus = (registered: boolean, error: string): void => this.#registered(registered, error);
    const registration = { driverName, endpoint: options.kubeletSocketPath, onStatus };
    this.#registration = new SocketServer(join(registrationDirectory, `${driverName}-reg.sock`));
    this.#registration.add(RegistrationService, registrationService(registration, observer));
  }

  /** Why the kubelet refused the driver; undefined if it did not. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Serves CSI first: the kubelet calls as soon as it sees the registration socket. */
  async start(): Promise<void> {
    await this.#driver.start();
    await this.#registration?.start();
  }

  /**
   * Why the kubelet cannot reach the driver or its registration; undefined if it can. Lost sockets are created again.
   */
  async check(): Promise<string | undefined> {
    const reason = (await this.#driver.check()) ?? (await this.#registration?.check());
    if (reason !== undefined) this.#options.observer.log.error({ reason }, 'the kubelet cannot reach the driver');
    return reason;
  }

  async stop(): Promise<void> {
    await this.#registration?.stop(stopGraceMs);
    await this.#driver.stop(stopGraceMs);
  }

  #registered(registered: boolean, error: string): void {
    const { observer, onRegistered } = this.#options;
    if (registered) {
      this.#refusal = undefined;
      observer.log.info('registered with the kubelet');
      onRegistered?.();
    } else {
      this.#refusal = `the kubelet refused the driver: ${error}`;
      observer.log.error({ error }, 'the kubelet refused the driver');
    }
  }
}
