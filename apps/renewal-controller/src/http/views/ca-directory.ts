import { X509Certificate } from 'node:crypto';
import type { Cas } from '@certfleet/operator-api/cas.ts';
import { normalFingerprint } from '@certfleet/operator-api/fingerprint.ts';
import { Cache } from '@certfleet/shared/cache.ts';
import { delay } from '@certfleet/shared/clock.ts';
import { distinguishedNameText } from '@certfleet/shared/distinguished-name-text.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { VolumeOfNode } from '../../fleet-api/node-questions.ts';
import type { ApiContext } from '../routes/api-context.ts';
import { volumeGroups } from './volume-groups.ts';
import type { RiskContext } from './volume-risk.ts';
import { iso } from './volume-row.ts';

type Ca = Cas['cas'][number];
type CaFacts = Pick<Ca, 'subject' | 'issuer' | 'notBefore' | 'notAfter'>;

export type CaContext = RiskContext & Pick<ApiContext, 'describeVolume'>;

const maxCas = 200;
const maxKnown = 1_000;
/** Questions to agents for one list; the rest are asked for the next one. */
const maxQuestions = 8;
/** The list does not wait longer for answers; they are in the next one. */
const waitMs = 1_500;
/** An agent that gave no answer is not asked again before. */
const retryMs = 60_000;
const neverMs = 365 * 86_400_000;

/**
 * The certificates in the CA files of the fleet. The index has only their fingerprints; subject and validity come from an
 * agent that has the file. A certificate never changes, and the answer is compared with the fingerprint, so one answer is
 * enough and a hostile node cannot invent one.
 */
export class CaDirectory {
  readonly #context: CaContext;
  readonly #known: Cache<CaFacts>;
  readonly #unanswered: Cache<{ readonly message: string }>;
  readonly #pending = new Set<string>();

  constructor(context: CaContext) {
    this.#context = context;
    const { clock } = context;
    this.#known = new Cache({ clock, ttlMs: neverMs, maxEntries: maxKnown });
    this.#unanswered = new Cache({ clock, ttlMs: retryMs, maxEntries: maxKnown });
  }

  async list(): Promise<Cas> {
    const found = await volumeGroups(this.#context, { by: 'ca', sort: 'count', limit: maxCas + 1 });
    const groups = found.groups.filter(({ value }) => value !== '').slice(0, maxCas);
    await this.#learn(groups.map(({ value }) => value));
    return {
      cas: groups.map(({ value, ...counts }) => ({ fingerprint: value, ...counts, ...this.#factsOf(value) })),
      total: found.total - (found.groups.some(({ value }) => value === '') ? 1 : 0),
      withoutCa: found.groups.find(({ value }) => value === '')?.count ?? 0,
    };
  }

  /** Undefined until an agent has sent the certificate. */
  subjectOf(fingerprint: string): string | undefined {
    return this.#known.get(fingerprint)?.subject;
  }

  #factsOf(fingerprint: string): Partial<Ca> {
    const unknown = this.#unanswered.get(fingerprint)?.message;
    return this.#known.get(fingerprint) ?? (unknown === undefined ? {} : { unknown });
  }

  /** Asks agents for unknown certificates, and waits a moment for the answers. */
  async #learn(fingerprints: readonly string[]): Promise<void> {
    const wanted = fingerprints
      .filter((each) => this.#known.get(each) === undefined && this.#unanswered.get(each) === undefined)
      .filter((each) => !this.#pending.has(each))
      .slice(0, Math.max(0, maxQuestions - this.#pending.size));
    if (wanted.length === 0) return;
    const volumes = this.#volumesWith(new Set(wanted));
    const listed = new Set(fingerprints);
    const asked = Promise.all(wanted.map((each) => this.#ask(each, volumes.get(each), listed)));
    const stop = new AbortController();
    await Promise.race([asked, delay(this.#context.clock, waitMs, stop.signal).catch(() => undefined)]);
    stop.abort();
  }

  /** Never rejects. @param listed the CAs to keep from the answer; a node may send any others */
  async #ask(fingerprint: string, volume: VolumeOfNode | undefined, listed: ReadonlySet<string>): Promise<void> {
    if (volume === undefined) {
      this.#unanswered.set(fingerprint, { message: 'no agent with this CA is connected' });
      return;
    }
    this.#pending.add(fingerprint);
    try {
      const { ca } = await this.#context.describeVolume(volume);
      for (const der of ca) this.#keep(der, listed);
      if (this.#known.get(fingerprint) === undefined)
        this.#unanswered.set(fingerprint, { message: `node ${volume.node} sent other certificates` });
    } catch (thrown) {
      this.#unanswered.set(fingerprint, { message: asCertfleetError(thrown).message });
    } finally {
      this.#pending.delete(fingerprint);
    }
  }

  #keep(der: Uint8Array, listed: ReadonlySet<string>): void {
    let certificate;
    try {
      certificate = new X509Certificate(der);
    } catch {
      return;
    }
    const fingerprint = normalFingerprint(certificate.fingerprint256);
    if (!listed.has(fingerprint)) return;
    const { validFromDate, validToDate } = certificate;
    if (Number.isNaN(validFromDate.getTime()) || Number.isNaN(validToDate.getTime())) return;
    this.#known.set(fingerprint, {
      subject: distinguishedNameText(certificate.subject),
      issuer: distinguishedNameText(certificate.issuer),
      notBefore: iso(validFromDate.getTime()),
      notAfter: iso(validToDate.getTime()),
    });
  }

  /** One volume of a connected node for each CA. */
  #volumesWith(wanted: ReadonlySet<string>): ReadonlyMap<string, VolumeOfNode> {
    const { view, clock, silentAfterMs } = this.#context;
    const silent = new Set(
      view()
        .silentNodes(clock.now(), silentAfterMs)
        // Zero during the first seconds after the node has registered.
        .filter(({ lastSeenMs }) => lastSeenMs > 0)
        .map(({ node }) => node),
    );
    const volumes = new Map<string, VolumeOfNode>();
    for (const { node, volumeId, certificate } of view().volumes()) {
      if (volumes.size === wanted.size) break;
      if (silent.has(node)) continue;
      for (const each of certificate?.caFingerprints ?? [])
        if (wanted.has(each) && !volumes.has(each)) volumes.set(each, { node, volumeId });
    }
    return volumes;
  }
}
