import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FleetLink } from '../../../apps/node-agent/src/fleet/fleet-link.ts';
import { MemoryVolumes } from '../../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import { readConfig } from '../../../apps/renewal-controller/src/config.ts';
import { Controller } from '../../../apps/renewal-controller/src/controller.ts';
import type { ControllerPorts } from '../../../apps/renewal-controller/src/controller.ts';
import { Certificate, VolumeReport, VolumeReport_State } from '../../../libs/shared/gen/fleet/v1/fleet.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import { createLogger } from '../../../libs/shared/src/logger.ts';
import { startRedisServer } from '../../support/redis-server.ts';
import type { RedisServer } from '../../support/redis-server.ts';

/** What a test says of a volume; the rest is made up. */
export interface ReportSketch {
  readonly dueInMs?: number;
  readonly expiresInMs?: number;
  readonly generation?: number;
  readonly namespace?: string;
  readonly issuer?: string;
  readonly error?: string;
}

/** A report of a certificate that is due in most of an hour and expires in an hour, unless it is said otherwise. */
export function reportOf(volumeId: string, sketch: ReportSketch = {}): VolumeReport {
  const nowMs = Date.now();
  const { dueInMs = 3_000_000, expiresInMs = 3_600_000, generation = 1, error } = sketch;
  const { namespace = 'shop', issuer = 'corporate' } = sketch;
  return VolumeReport.fromPartial({
    volumeId,
    pod: { namespace, name: `pod-of-${volumeId}`, uid: `uid-${volumeId}` },
    issuer: { group: 'cert-manager.io', kind: 'ClusterIssuer', name: issuer },
    generation,
    state: error === undefined ? VolumeReport_State.READY : VolumeReport_State.FAILING,
    certificate: Certificate.fromPartial({
      serialNumber: `0a${generation}`,
      notBefore: new Date(nowMs - 1_000),
      notAfter: new Date(nowMs + expiresInMs),
      renewAt: new Date(nowMs + dueInMs),
      issuedAt: new Date(nowMs),
      caFingerprintsSha256: ['ab'.repeat(32)],
      dnsNames: [`${volumeId}.example.org`],
    }),
    ...(error !== undefined && {
      lastFailure: { at: new Date(nowMs), reason: 'IssuerFailed', message: error, attempts: 1 },
    }),
  });
}

/** Volumes whose renewal gives a certificate that is due in most of an hour. */
export class RenewingVolumes extends MemoryVolumes {
  override async renew(volumeId: string, generation: number): Promise<string> {
    const outcome = await super.renew(volumeId, generation);
    if (outcome === 'renewed') this.set(volumeId, reportOf(volumeId, { generation: generation + 1 }));
    return outcome;
  }
}

/** An answer of the API. */
export interface ApiAnswer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** A whole controller on a real Redis with agents' own links, as operators see it over HTTP. */
export class OperatedFleet implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'certfleet-operated-'));
  readonly log: string[] = [];
  readonly redis: RedisServer;
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #logger = createLogger(2, { write: (line: string) => void this.log.push(line) });
  #ports: ControllerPorts = { fleet: 0, api: undefined, ops: undefined };

  private constructor(redis: RedisServer) {
    this.redis = redis;
  }

  static async start(): Promise<OperatedFleet> {
    const fleet = new OperatedFleet(await startRedisServer());
    writeFileSync(join(fleet.directory, 'tokens'), 'token-of-node-a,node-a\ntoken-of-node-b,node-b\n');
    return fleet;
  }

  /** @param flags over those of a controller without Kubernetes, on the loopback address, for everybody */
  async startController(...flags: readonly string[]): Promise<Controller> {
    const argv = [
      `--redis-url=${this.redis.url}`,
      `--fleet-bind-address=unix://${join(this.directory, 'fleet.sock')}`,
      `--agent-token-file=${join(this.directory, 'tokens')}`,
      ...(flags.some((flag) => flag.startsWith('--api-auth=')) ? [] : ['--api-auth=none']),
      '--api-bind-address=127.0.0.1:0',
      '--ops-bind-address=0',
      '--heartbeat-interval=1s',
      ...flags,
    ];
    const controller = new Controller({ config: readConfig(argv, {}), env: {}, clock: systemClock, log: this.#logger });
    this.#ports = await controller.start();
    this.#ends.push(() => controller.stop());
    return controller;
  }

  startAgent(volumes: MemoryVolumes, node: 'node-a' | 'node-b' = 'node-a'): FleetLink {
    const tokenFile = join(this.directory, `token-${node}`);
    writeFileSync(tokenFile, `token-of-${node}`);
    const link = new FleetLink({
      controller: { address: `unix:${join(this.directory, 'fleet.sock')}`, caFile: undefined, tokenFile },
      volumes,
      version: '1.0.0',
      concurrentJobs: 2,
      clock: systemClock,
      log: this.#logger,
      onConnected: () => undefined,
    });
    this.#ends.push(() => link.stop());
    link.start();
    return link;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#ports.api ?? 0}`;
  }

  /** Asks for a path of the API, by POST when there is a body unless said otherwise. */
  async ask<Body>(path: string, init: RequestInit & { readonly json?: unknown } = {}): Promise<ApiAnswer<Body>> {
    const { json, ...rest } = init;
    const sent = json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) };
    const type = json === undefined ? {} : { 'content-type': 'application/json' };
    const headers = { ...type, ...(rest.headers as Record<string, string> | undefined) };
    const response = await fetch(`${this.origin}/api/v1/${path}`, { ...sent, ...rest, headers });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: bodyOf(text) as Body };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
    await this.redis.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function bodyOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
