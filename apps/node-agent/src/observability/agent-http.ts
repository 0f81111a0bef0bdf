import type { ListenAddress } from '@certfleet/shared/flag-parsers.ts';
import type { Registry } from 'prom-client';
import { HttpEndpoint, text } from '@certfleet/shared/http-endpoint.ts';

export interface AgentHttpOptions {
  readonly metricsAddress: ListenAddress | undefined;
  readonly healthAddress: ListenAddress | undefined;
  readonly registry: Registry;
  /** Why the agent cannot serve mounts now; undefined if it can. */
  readonly notReady: () => string | undefined;
  /** Why the agent must be restarted; undefined while it serves. The check connects as the kubelet does. */
  readonly notAlive?: () => Promise<string | undefined>;
}

/** Ports of the agent's HTTP endpoints; undefined for one that is disabled. */
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
    // Liveness: if this endpoint responds, the event loop that serves CSI is running; notAlive also checks its sockets.
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
