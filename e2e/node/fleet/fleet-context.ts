import { startCluster, type Cluster } from '../../cluster/cluster.ts';
import { createCaIssuer, type CaIssuer } from '../../cluster/issuers.ts';
import { auditArgs, auditLogIn } from '../support/audit.ts';
import { certificatePod, defaultIssuer, defaultNamespace } from '../support/certificate-pod.ts';
import type { VolumeAttributes } from '../support/certificate-pod.ts';
import { createOperator, FleetApi } from './fleet-api.ts';
import { FleetRedis } from './fleet-redis.ts';
import { FleetRelease } from './fleet-release.ts';
import type { FleetScale } from './fleet-scale.ts';
import { Outages } from './outages.ts';
import { RequestLog } from './request-log.ts';
import { VolumeReader } from './volume-reader.ts';

/** The ClusterIssuer of the crowd, whose lane has its own limits. */
export const crowdIssuer = 'crowd-ca';
/** Pods whose certificates last a minute. */
export const minutely = ['minute-0', 'minute-1'] as const;
/** A pod whose certificate lasts half a minute, so that it is renewed during or right after every upgrade. */
export const churning = 'half-minute';

export interface FleetContext {
  readonly cluster: Cluster;
  readonly fleet: FleetRelease;
  readonly redis: FleetRedis;
  readonly reader: VolumeReader;
  /** When the API server or the issuer was stopped. */
  readonly outages: Outages;
  readonly scale: FleetScale;
  /** Pods with long-lived certificates, which are renewed on request. */
  readonly crowd: readonly string[];
  readonly auditLog: string;
  /** The CertificateRequests in that log. */
  readonly requests: RequestLog;
  /** The first CA of the crowd's issuer. */
  readonly firstCrowdCa: CaIssuer;
  /** Creates the API connection and the operators' tokens, once the chart is installed. */
  join(): Promise<void>;
  readonly api: FleetApi;
  readonly tokens: OperatorTokens;
  stop(): Promise<void>;
}

/** Tokens of three ServiceAccounts: with the chart's roles, and without. */
type OperatorTokens = Readonly<Record<'viewer' | 'renewer' | 'stranger', string>>;

/** Suites are registered before the cluster exists. */
export type GetFleet = () => FleetContext;

/** A full cluster with issuers and images; the chart is not yet installed. */
export async function openFleetContext(scale: FleetScale): Promise<FleetContext> {
  const cluster = await startCluster({ nodes: 'full', apiServerArgs: auditArgs });
  try {
    const fleet = new FleetRelease(cluster);
    const prepare = async (): Promise<CaIssuer> => {
      await cluster.createNamespace(defaultNamespace);
      await createCaIssuer(cluster, { name: defaultIssuer });
      return createCaIssuer(cluster, { name: crowdIssuer });
    };
    const [firstCrowdCa] = await Promise.all([prepare(), fleet.buildImages()]);
    return new OpenFleet(cluster, fleet, { scale, firstCrowdCa });
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

type Joined = Pick<FleetContext, 'api' | 'tokens'>;

class OpenFleet implements FleetContext {
  readonly cluster: Cluster;
  readonly fleet: FleetRelease;
  readonly redis: FleetRedis;
  readonly reader: VolumeReader;
  readonly outages = new Outages();
  readonly scale: FleetScale;
  readonly crowd: readonly string[];
  readonly auditLog: string;
  readonly requests: RequestLog;
  readonly firstCrowdCa: CaIssuer;
  #joined: Joined | undefined;

  constructor(cluster: Cluster, fleet: FleetRelease, made: Pick<FleetContext, 'scale' | 'firstCrowdCa'>) {
    this.cluster = cluster;
    this.fleet = fleet;
    this.redis = new FleetRedis(cluster);
    this.reader = new VolumeReader(cluster);
    this.scale = made.scale;
    this.crowd = Array.from({ length: made.scale.crowd }, (_, index) => `crowd-${index}`);
    this.auditLog = auditLogIn(cluster.directory);
    this.requests = new RequestLog(this.auditLog);
    this.firstCrowdCa = made.firstCrowdCa;
  }

  get api(): FleetApi {
    return this.#join.api;
  }

  get tokens(): OperatorTokens {
    return this.#join.tokens;
  }

  async join(): Promise<void> {
    const { cluster } = this;
    const [api, viewer, renewer, stranger] = await Promise.all([
      FleetApi.open(cluster),
      createOperator(cluster, 'viewer', 'view'),
      createOperator(cluster, 'renewer', 'renew'),
      createOperator(cluster, 'stranger'),
    ]);
    this.#joined = { api, tokens: { viewer, renewer, stranger } };
  }

  async stop(): Promise<void> {
    await this.reader.stop();
    await this.cluster.stop();
  }

  get #join(): Joined {
    if (this.#joined === undefined) throw new Error('the chart is not installed');
    return this.#joined;
  }
}

/** A pod with one volume with an ECDSA key. */
export function fleetPod(name: string, attributes: VolumeAttributes): object {
  return certificatePod(name, { data: { 'key-algorithm': 'ECDSA', 'common-name': name, ...attributes } });
}
