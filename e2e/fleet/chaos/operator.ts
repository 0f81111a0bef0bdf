import { HandedOver } from './handed-over.ts';
import { renewalKey } from './ledger.ts';
import type { BulkWord, Ledger } from './ledger.ts';
import type { RedisPair } from './world/redis-pair.ts';
import type { ApiAnswer } from './world/replica.ts';

/** What an operator works with. */
export interface OperatorParts {
  readonly ledger: Ledger;
  readonly redis: RedisPair;
  /** Names of the ClusterIssuers. */
  readonly issuers: readonly string[];
  /** Asks any replica that serves. */
  readonly api: (method: string, path: string, body?: object) => Promise<ApiAnswer>;
}

const reason = 'chaos';

/** A scripted operator: pauses and resumes lanes, starts and cancels bulk renewals, and notes what was accepted. */
export class Operator {
  readonly #parts: OperatorParts;
  readonly #handedOver: HandedOver;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
    this.#handedOver = new HandedOver(parts.redis, parts.ledger);
  }

  /** @returns what resumes the lane again */
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

  /** Tries until the lane is resumed or some seconds have passed. */
  async resume(issuer: string): Promise<void> {
    for (const pause of this.#parts.ledger.pauses) {
      if (pause.issuer === issuer) pause.endedMs ??= Date.now();
    }
    const lane = await this.#lane(issuer);
    if (lane !== undefined) await this.#ask('POST', `lanes/${lane}/resume`);
  }

  async resumeAll(): Promise<void> {
    for (const issuer of this.#parts.issuers) await this.resume(issuer);
  }

  /** Has an issuer's volumes, or everything, renewed. @returns what cancels it, as far as it was not carried out */
  async startBulk(issuer?: number): Promise<() => Promise<void>> {
    const { ledger, issuers } = this.#parts;
    const name = issuer === undefined ? undefined : (issuers[issuer] ?? '');
    const bulk: BulkWord = { issuer: name, sentMs: Date.now(), renewals: this.#renewals(name), allowed: new Set() };
    ledger.bulks.push(bulk);
    const selection =
      name === undefined ? {} : { issuer: { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name } };
    const request = { selection, reason, ignoreWindows: true, ...(name === undefined && { everything: true }) };
    const answer = await this.#ask('POST', 'renewals', request);
    // What was renewed in between may be meant by its new generation.
    for (const renewal of this.#renewals(name)) bulk.renewals.add(renewal);
    const id = answer?.status === 202 ? answer.body['id'] : undefined;
    if (typeof id !== 'string') return () => Promise.resolve();
    return async () => {
      const sentMs = Date.now();
      const cancelled = await this.#ask('DELETE', `renewals/${id}`);
      if (cancelled?.status !== 200) return;
      const acceptedMs = Date.now();
      const allowed = await this.#handedOver.now();
      if (allowed === undefined) return;
      bulk.allowed = allowed;
      bulk.cancelSentMs = sentMs;
      bulk.cancelledMs = acceptedMs;
    };
  }

  #renewals(issuer: string | undefined): Set<string> {
    const volumes = [...this.#parts.ledger.volumes.values()];
    return new Set(volumes.filter((volume) => issuer === undefined || volume.issuer === issuer).map(renewalKey));
  }

  async #lane(issuer: string): Promise<string | undefined> {
    const answer = await this.#ask('GET', `lanes?search=${issuer}&limit=50`);
    const lanes = (answer?.body['lanes'] ?? []) as readonly { readonly id: string; readonly key: string }[];
    return lanes.find(({ key }) => key.endsWith(`/${issuer}`))?.id;
  }

  /** An answer that says no, or none at all, is what faults bring. */
  async #ask(method: string, path: string, body?: object): Promise<ApiAnswer | undefined> {
    return await this.#parts.api(method, path, body).catch(() => undefined);
  }
}
