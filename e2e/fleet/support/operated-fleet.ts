import type { FleetLink } from '../../../apps/node-agent/src/fleet/fleet-link.ts';
import { MemoryVolumes } from '../../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import type { Controller } from '../../../apps/renewal-controller/src/controller.ts';
import { reportedProbeFailures, reportedServedStates } from '../../../libs/fleet-model/src/report-terms.ts';
import type { ProbeFailure, ServedState } from '../../../libs/fleet-model/src/vocabulary.ts';
import type { Posture } from '../../../libs/shared/gen/fleet/v1/fleet.ts';
import {
  Certificate,
  Served_Failure,
  VolumeReport,
  VolumeReport_State,
} from '../../../libs/shared/gen/fleet/v1/fleet.ts';
import type { RedisServer } from '../../support/redis-server.ts';
import { ControllerFixture } from './controller-fixture.ts';

/** The given fields of a volume; the others are generated. */
export interface ReportSketch {
  readonly dueInMs?: number;
  readonly expiresInMs?: number;
  readonly generation?: number;
  readonly namespace?: string;
  readonly issuer?: string;
  readonly error?: string;
  readonly posture?: Partial<Posture>;
  /** Deployment of the pod. */
  readonly deployment?: string;
  readonly team?: string;
  readonly served?: { readonly state: ServedState; readonly sinceMs: number; readonly failure?: ProbeFailure };
}

/** A report of a certificate that is due in almost an hour and expires in an hour, unless given otherwise. */
export function reportOf(volumeId: string, sketch: ReportSketch = {}): VolumeReport {
  const nowMs = Date.now();
  const { dueInMs = 3_000_000, expiresInMs = 3_600_000, generation = 1, error } = sketch;
  const { namespace = 'shop', issuer = 'corporate', served } = sketch;
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
      ...(sketch.posture && { posture: sketch.posture }),
    }),
    ...podFields(sketch),
    ...(served && {
      served: {
        state: reportedServedStates[served.state],
        since: new Date(served.sinceMs),
        failure: served.failure === undefined ? Served_Failure.UNSPECIFIED : reportedProbeFailures[served.failure],
      },
    }),
    ...(error !== undefined && {
      lastFailure: { at: new Date(nowMs), reason: 'IssuerFailed', message: error, attempts: 1 },
    }),
  });
}

/** What an agent that reads pods reports of them. */
function podFields({ deployment, team }: ReportSketch): Partial<VolumeReport> {
  return {
    ...(deployment !== undefined && { workload: { kind: 'Deployment', name: deployment } }),
    ...(team !== undefined && { podLabels: [{ key: 'team', value: team }] }),
  };
}

/** Volumes whose renewal gives a certificate that is due in almost an hour. */
export class RenewingVolumes extends MemoryVolumes {
  override async renew(volumeId: string, generation: number): Promise<string> {
    const outcome = await super.renew(volumeId, generation);
    if (outcome === 'renewed') this.set(volumeId, reportOf(volumeId, { generation: generation + 1 }));
    return outcome;
  }
}

/** A response of the API. */
export interface ApiAnswer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** A complete controller on a real Redis with agents' links, used over HTTP as operators do. */
export class OperatedFleet implements AsyncDisposable {
  readonly #fixture: ControllerFixture;

  private constructor(fixture: ControllerFixture) {
    this.#fixture = fixture;
  }

  static async start(): Promise<OperatedFleet> {
    return new OperatedFleet(await ControllerFixture.start(['node-a', 'node-b']));
  }

  get directory(): string {
    return this.#fixture.directory;
  }

  get log(): readonly string[] {
    return this.#fixture.log;
  }

  get redis(): RedisServer {
    return this.#fixture.redis;
  }

  get origin(): string {
    return this.#fixture.url;
  }

  /** @param flags in addition to those of a controller without Kubernetes, on the loopback address, without sign-in */
  startController(...flags: readonly string[]): Promise<Controller> {
    const open = flags.some((flag) => flag.startsWith('--api-auth=')) ? [] : ['--api-auth=none'];
    return this.#fixture.startController([...open, '--heartbeat-interval=1s', ...flags]);
  }

  startAgent(volumes: MemoryVolumes, node: 'node-a' | 'node-b' = 'node-a'): FleetLink {
    return this.#fixture.startAgent(volumes, node);
  }

  /** Requests a path of the API, by default with POST when there is a body. */
  async ask<Body>(path: string, init: RequestInit & { readonly json?: unknown } = {}): Promise<ApiAnswer<Body>> {
    const { json, ...rest } = init;
    const sent = json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) };
    const type = json === undefined ? {} : { 'content-type': 'application/json' };
    const headers = { ...type, ...(rest.headers as Record<string, string> | undefined) };
    const response = await fetch(`${this.origin}/api/v1/${path}`, { ...sent, ...rest, headers });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: bodyOf(text) as Body };
  }

  async metrics(): Promise<string> {
    return (await this.#fixture.ops('metrics')).text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fixture[Symbol.asyncDispose]();
  }
}

function bodyOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
