import type { Audit } from '@certfleet/operator-api/audit.ts';
import type { CaHistory, Cas } from '@certfleet/operator-api/cas.ts';
import type { CertificateText, PodEvents } from '@certfleet/operator-api/certificate.ts';
import type { Lane, LaneHistory, LanePage } from '@certfleet/operator-api/lanes.ts';
import type { NodeDetail, Nodes } from '@certfleet/operator-api/nodes.ts';
import type { PodCertificateGroups, PodCertificatePage } from '@certfleet/operator-api/pod-certificates.ts';
import type {
  Renewal,
  RenewalDetail,
  RenewalPreview,
  RenewalRequest,
  Renewals,
} from '@certfleet/operator-api/renewals.ts';
import type { Rotation, RotationRequest, Rotations } from '@certfleet/operator-api/rotations.ts';
import type { Session } from '@certfleet/operator-api/session.ts';
import type { Summary, Verdict } from '@certfleet/operator-api/summary.ts';
import type { Timeline } from '@certfleet/operator-api/timeline.ts';
import type { Facets, VolumeDetail, VolumeGroups, VolumePage } from '@certfleet/operator-api/volumes.ts';
import type { ApiRequest, HttpClient } from './http-client.ts';

type Signal = AbortSignal | undefined;
const part = encodeURIComponent;
const volumePath = (node: string, id: string): string => `/volumes/${part(node)}/${part(id)}`;

/** The operators' API, one method per route. */
export class OperatorApi {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  session = (): Promise<Session> => this.#http.ask('/session');
  signIn = (token: string): Promise<Session> => this.#http.ask('/session', { method: 'POST', body: { token } });
  signOut = (): Promise<void> => this.#http.ask('/session', { method: 'DELETE' });

  summary = (signal?: Signal): Promise<Summary> => this.#get('/summary', signal);
  verdict = (signal?: Signal): Promise<Verdict> => this.#get('/verdict', signal);
  cas = (signal?: Signal): Promise<Cas> => this.#get('/cas', signal);
  caHistory = (signal?: Signal): Promise<CaHistory> => this.#get('/cas/history', signal);
  timeline = (signal?: Signal): Promise<Timeline> => this.#get('/timeline', signal);

  volumes = (query: URLSearchParams, signal?: Signal): Promise<VolumePage> =>
    this.#get(`/volumes?${query.toString()}`, signal);
  groups = (query: URLSearchParams, signal?: Signal): Promise<VolumeGroups> =>
    this.#get(`/volumes/groups?${query.toString()}`, signal);
  facets = (prefix: string, signal?: Signal): Promise<Facets> =>
    this.#get(`/volumes/facets${prefix === '' ? '' : `?prefix=${part(prefix)}`}`, signal);
  volume = (node: string, id: string, signal?: Signal): Promise<VolumeDetail> =>
    this.#get(volumePath(node, id), signal);
  certificate = (node: string, id: string, signal?: Signal): Promise<CertificateText> =>
    this.#get(`${volumePath(node, id)}/certificate`, signal);
  podEvents = (node: string, id: string, signal?: Signal): Promise<PodEvents> =>
    this.#get(`${volumePath(node, id)}/events`, signal);

  podCertificates = (query: URLSearchParams, signal?: Signal): Promise<PodCertificatePage> =>
    this.#get(`/pod-certificates?${query.toString()}`, signal);

  podCertificateGroups = (query: URLSearchParams, signal?: Signal): Promise<PodCertificateGroups> =>
    this.#get(`/pod-certificates/groups?${query.toString()}`, signal);

  nodes = (signal?: Signal): Promise<Nodes> => this.#get('/nodes', signal);
  node = (node: string, signal?: Signal): Promise<NodeDetail> => this.#get(`/nodes/${part(node)}`, signal);

  lanes = (query: URLSearchParams, signal?: Signal): Promise<LanePage> =>
    this.#get(`/lanes?${query.toString()}`, signal);
  lane = (id: string, signal?: Signal): Promise<Lane> => this.#get(`/lanes/${part(id)}`, signal);
  laneHistory = (id: string, signal?: Signal): Promise<LaneHistory> => this.#get(`/lanes/${part(id)}/history`, signal);
  pauseLane = (id: string, reason: string): Promise<unknown> => this.#post(`/lanes/${part(id)}/pause`, { reason });
  resumeLane = (id: string): Promise<unknown> => this.#post(`/lanes/${part(id)}/resume`);

  renewals = (signal?: Signal): Promise<Renewals> => this.#get('/renewals', signal);
  renewal = (id: string, signal?: Signal): Promise<RenewalDetail> => this.#get(`/renewals/${part(id)}/detail`, signal);
  suspendRenewal = (id: string): Promise<Renewal> => this.#post(`/renewals/${part(id)}/suspend`);
  resumeRenewal = (id: string): Promise<Renewal> => this.#post(`/renewals/${part(id)}/resume`);
  approveRenewal = (id: string): Promise<Renewal> => this.#post(`/renewals/${part(id)}/approve`);
  previewRenewal = (request: RenewalRequest, signal?: Signal): Promise<RenewalPreview> =>
    this.#http.ask('/renewals', { method: 'POST', body: { ...request, dryRun: true }, signal });
  renew = (request: RenewalRequest): Promise<Renewal> => this.#post('/renewals', request);
  cancelRenewal = (id: string): Promise<Renewal> => this.#http.ask(`/renewals/${part(id)}`, { method: 'DELETE' });

  rotations = (signal?: Signal): Promise<Rotations> => this.#get('/rotations', signal);
  startRotation = (request: RotationRequest): Promise<Rotation> => this.#post('/rotations', request);
  changeRotation = (id: string, action: string): Promise<Rotation> => this.#post(`/rotations/${part(id)}/${action}`);
  approveRotation = (id: string, phase: string): Promise<Rotation> =>
    this.#post(`/rotations/${part(id)}/approve`, { phase });

  audit = (query: URLSearchParams, signal?: Signal): Promise<Audit> =>
    this.#get(`/audit${query.size === 0 ? '' : `?${query.toString()}`}`, signal);

  #get<T>(path: string, signal: Signal): Promise<T> {
    return this.#http.ask(path, { signal });
  }

  #post<T>(path: string, body?: unknown): Promise<T> {
    const request: ApiRequest = { method: 'POST', ...(body === undefined ? {} : { body }) };
    return this.#http.ask(path, request);
  }
}
