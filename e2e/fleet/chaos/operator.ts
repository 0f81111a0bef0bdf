import { setTimeout as sleep } from 'node:timers/promises';
import { batches } from '../../../libs/shared/src/batches.ts';
import type { AgentVolume } from './agents/messages.ts';
import { HandedOver } from './handed-over.ts';
import { renewalKey, volumeKey } from './ledger.ts';
import type { BulkAction, Ledger } from './ledger.ts';
import { itemAt } from '../../support/random.ts';
import type { RedisPair } from './world/redis-pair.ts';
import type { ApiAnswer } from './world/replica.ts';

export interface OperatorParts {
  readonly ledger: Ledger;
  readonly redis: Pick<RedisPair, 'run'>;
  /** Names of the ClusterIssuers. */
  readonly issuers: readonly string[];
  /** Sends a request to any serving replica. */
  readonly api: (method: string, path: string, body?: object) => Promise<ApiAnswer>;
  /** How long a renewal is retried until it counts as refused, 15 s by default. */
  readonly acceptLimitMs?: number;
}

/** A bulk renewal that the API accepted. */
export interface RequestedRenewal {
  readonly id: string;
  readonly sentMs: number;
  readonly acceptedMs: number;
  /** Their state before the request. */
  readonly volumes: readonly AgentVolume[];
}

/** The used fields of a bulk renewal in the API. */
export interface ShownRenewal {
  readonly state: string;
  readonly total: number;
  readonly pending: number;
  readonly renewed: number;
  readonly gone: number;
  readonly cancelled: number;
  readonly failures: number;
}

/** The used fields of a renewal's detail in the API. */
export interface PendingRenewal {
  readonly state: string;
  readonly pending: number;
  readonly volumes: readonly { readonly node: string; readonly id: string }[];
}

interface Answered {
  readonly bulk: BulkAction;
  /** Of an accepted renewal. */
  readonly id: string | undefined;
  /** The API's answer. */
  readonly text: string;
}

const reason = 'chaos';
/** The API's limit of volumes per request. */
const maxInRequest = 1_000;
const defaultAcceptLimitMs = 15_000;
const retryMs = 500;
const resumeLimitMs = 5_000;

/** A scripted operator: pauses and resumes lanes, starts and cancels bulk renewals, and records what was accepted. */
export class Operator {
  readonly #parts: OperatorParts;
  readonly #handedOver: HandedOver;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
    this.#handedOver = new HandedOver(parts.redis, parts.ledger);
  }

  /** @returns a function that resumes the lane */
  async pause(issuer: number): Promise<() => Promise<void>> {
    const { ledger, issuers } = this.#parts;
    const name = issuers[issuer] ?? '';
    const lane = await this.#lane(name);
    if (lane === undefined) return () => Promise.resolve();
    const sentMs = Date.now();
    const answer = await this.#ask('POST', `lanes/${lane}/pause`, { reason });
    if (answer?.status !== 200) return () => this.resume(name);
    const acceptedMs = Date.now();
    const allowed = await this.#handedOver.now();
    if (allowed !== undefined) ledger.pauses.push({ issuer: name, sentMs, acceptedMs, allowed });
    return () => this.resume(name);
  }

  /** Retries until the lane is resumed or some seconds have passed. */
  async resume(issuer: string): Promise<void> {
    for (const pause of this.#parts.ledger.pauses) {
      if (pause.issuer === issuer) pause.endedMs ??= Date.now();
    }
    const startedMs = Date.now();
    while (Date.now() - startedMs < resumeLimitMs) {
      const lane = await this.#lane(issuer);
      const answer = lane === undefined ? undefined : await this.#ask('POST', `lanes/${lane}/resume`);
      if (answer !== undefined && answer.status < 500) return;
      await sleep(retryMs);
    }
  }

  async resumeAll(): Promise<void> {
    for (const issuer of this.#parts.issuers) await this.resume(issuer);
  }

  /** Requests renewals of an issuer's volumes. @returns a function that cancels the rest */
  async startBulk(issuer: number): Promise<() => Promise<void>> {
    const name = itemAt(this.#parts.issuers, issuer);
    const selection = { issuer: { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name } };
    const { bulk, id } = await this.#request(selection, () => this.#renewals(name));
    if (id === undefined) return () => Promise.resolve();
    return async () => {
      bulk.isCancelSent = true;
      await this.#stopBulk(bulk, 'DELETE', `renewals/${id}`);
    };
  }

  /** Requests renewals of an issuer's volumes, and suspends them. @returns a function that resumes them */
  async startSuspended(issuer: number): Promise<() => Promise<void>> {
    const name = itemAt(this.#parts.issuers, issuer);
    const selection = { issuer: { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name } };
    const { bulk, id } = await this.#request(selection, () => this.#renewals(name));
    if (id === undefined) return () => Promise.resolve();
    await this.#stopBulk(bulk, 'POST', `renewals/${id}/suspend`);
    return async () => {
      bulk.resumedMs = Date.now();
      await this.resumeBulk(id);
    };
  }

  /** Retries until the renewal is resumed or some seconds have passed. */
  async resumeBulk(id: string): Promise<void> {
    const startedMs = Date.now();
    while (Date.now() - startedMs < resumeLimitMs) {
      const answer = await this.#ask('POST', `renewals/${id}/resume`);
      if (answer !== undefined && answer.status < 500) return;
      await sleep(retryMs);
    }
  }

  /** Cancels or suspends a bulk renewal, and records what it may still do. */
  async #stopBulk(bulk: BulkAction, method: string, path: string): Promise<void> {
    const sentMs = Date.now();
    const answer = await this.#ask(method, path);
    if (answer?.status !== 200) return;
    const acceptedMs = Date.now();
    const allowed = await this.#handedOver.now();
    if (allowed === undefined) return;
    bulk.allowed = allowed;
    bulk.cancelSentMs = sentMs;
    bulk.cancelledMs = acceptedMs;
  }

  /**
   * Requests renewals and retries until the API accepts them.
   * @returns the accepted requests, each within the API's size limit; a request that was not accepted in time is a
   * violation
   */
  async renew(volumes: readonly AgentVolume[]): Promise<readonly RequestedRenewal[]> {
    const accepted: RequestedRenewal[] = [];
    for (const some of batches(volumes, maxInRequest)) {
      const request = await this.#untilAccepted(some);
      if (request !== undefined) accepted.push(request);
    }
    return accepted;
  }

  /** A renewal from the API. @returns the error's text if it is not shown */
  async renewal(id: string): Promise<ShownRenewal | string> {
    const answer = await this.#tried('GET', `renewals/${id}`);
    return typeof answer !== 'string' && answer.status === 200
      ? (answer.body as unknown as ShownRenewal)
      : textOf(answer);
  }

  /** The pending volumes of a renewal, at most 50. @returns the error's text if it is not shown */
  async pending(id: string): Promise<PendingRenewal | string> {
    const answer = await this.#tried('GET', `renewals/${id}/detail`);
    return typeof answer !== 'string' && answer.status === 200
      ? (answer.body as unknown as PendingRenewal)
      : textOf(answer);
  }

  async #untilAccepted(volumes: readonly AgentVolume[]): Promise<RequestedRenewal | undefined> {
    const { ledger, acceptLimitMs = defaultAcceptLimitMs } = this.#parts;
    const selection = { volumes: volumes.map(({ node, volumeId }) => ({ node, volumeId })) };
    const startedMs = Date.now();
    for (;;) {
      const sentMs = Date.now();
      const before = this.#now(volumes);
      const { id, text } = await this.#request(selection, () => new Set(this.#now(volumes).map(renewalKey)));
      if (id !== undefined) return { id, sentMs, acceptedMs: Date.now(), volumes: before };
      if (Date.now() - startedMs >= acceptLimitMs) {
        ledger.violate(6, `no renewal was accepted within ${acceptLimitMs} ms; the last answer: ${text}`);
        return undefined;
      }
      await sleep(retryMs);
    }
  }

  /** @param renewals the renewals to which it may refer at the moment */
  async #request(
    selection: { readonly issuer?: { readonly name: string }; readonly volumes?: readonly object[] },
    renewals: () => ReadonlySet<string>,
  ): Promise<Answered> {
    const bulk: BulkAction = {
      sentMs: Date.now(),
      ...(selection.issuer !== undefined && { issuer: selection.issuer.name }),
      renewals: new Set(renewals()),
      renewed: new Set(),
      allowed: new Set(),
    };
    this.#parts.ledger.bulks.push(bulk);
    const answer = await this.#tried('POST', 'renewals', { selection, reason, ignoreWindows: true });
    // Volumes renewed in between may be included with their new generation.
    for (const renewal of renewals()) bulk.renewals.add(renewal);
    const id = typeof answer !== 'string' && answer.status === 202 ? answer.body['id'] : undefined;
    if (typeof id === 'string') bulk.id = id;
    return { bulk, text: textOf(answer), id: bulk.id };
  }

  /** The current state of the volumes. */
  #now(volumes: readonly AgentVolume[]): readonly AgentVolume[] {
    return volumes.flatMap((volume) => this.#parts.ledger.volumes.get(volumeKey(volume)) ?? []);
  }

  #renewals(issuer: string): ReadonlySet<string> {
    const volumes = [...this.#parts.ledger.volumes.values()];
    return new Set(volumes.filter((volume) => volume.issuer === issuer).map(renewalKey));
  }

  async #lane(issuer: string): Promise<string | undefined> {
    const answer = await this.#ask('GET', `lanes?search=${issuer}&limit=50`);
    const lanes = (answer?.body['lanes'] ?? []) as readonly { readonly id: string; readonly key: string }[];
    return lanes.find(({ key }) => key.endsWith(`/${issuer}`))?.id;
  }

  /** Faults cause refusals and missing answers. */
  async #ask(method: string, path: string, body?: object): Promise<ApiAnswer | undefined> {
    const answer = await this.#tried(method, path, body);
    return typeof answer === 'string' ? undefined : answer;
  }

  /** @returns the error's text without an answer */
  async #tried(method: string, path: string, body?: object): Promise<ApiAnswer | string> {
    return await this.#parts.api(method, path, body).catch((thrown: unknown) => String(thrown));
  }
}

function textOf(answer: ApiAnswer | string): string {
  return typeof answer === 'string' ? answer : `${answer.status} ${JSON.stringify(answer.body).slice(0, 400)}`;
}
