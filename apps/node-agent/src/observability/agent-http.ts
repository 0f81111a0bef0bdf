import type { ListenAddress } from '@certfleet/shared/flag-parsers.ts';
import type { Registry } from 'prom-client';
import { HttpEndpoint, text } from './http-endpoint.ts';

/** What the agent tells over HTTP, and where. */
export interface AgentHttpOptions {
  readonly metricsAddress: ListenAddress | undefined;
  readonly healthAddress: ListenAddress | undefined;
  readonly registry: Registry;
  /** Why the agent cannot serve mounts now; undefined when it can. */
  readonly notReady: () => string | undefined;
  /** Why the agent must be started anew; undefined while it serves, which is looked at as the kubelet would. */
  readonly notAlive?: () => Promise<string | undefined>;
}

/** The ports on which the agent's HTTP answers; undefined where it is turned off. */
export interface AgentHttpPorts {
  readonly metrics: number | undefined;
  readonly health: number | undefined;
}

/** /metrics for Prometheus on one address, /healthz and /readyz for the kubelet on another. */
export class AgentHttp {
  readonly #metrics: HttpEndpoint | undefined;
  readonly #health: HttpEndpoint | undefined;

  constructor({ metricsAddress, healthAddress, registry, notReady, notAlive }: AgentHttpOptions) {
    const metrics = async (): Promise<{ status: number; contentType: string; body: string }> => ({
      status: 200,
      contentType: registry.contentType,
      body: await registry.metrics(),
    });
    const answer = (reason: string | undefined): ReturnType<typeof text> =>
      reason === undefined ? text(200, 'ok\n') : text(503, `${reason}\n`);
    const readiness = async (): Promise<ReturnType<typeof text>> => answer((await notAlive?.()) ?? notReady());
    // Liveness: if this endpoint answers, the event loop that serves CSI is running; its sockets are tried besides.
    const health = { '/healthz': async () => answer(await notAlive?.()), '/readyz': readiness };
    this.#metrics = metricsAddress && new HttpEndpoint(metricsAddress, { '/metrics': metrics });
    this.#health = healthAddress && new HttpEndpoint(healthAddress, health);
  }

  async start(): Promise<AgentHttpPorts> {
    return { metrics: await this.#metrics?.start(), health: await this.#health?.start() };
  }

  async stop(): Promise<void> {
    await this.#health?.stop();
    await this.#metrics?.stop();
  }
}
