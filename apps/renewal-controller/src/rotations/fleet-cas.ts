import { X509Certificate } from 'node:crypto';
import { normalFingerprint } from '@certfleet/operator-api/fingerprint.ts';
import { Cache } from '@certfleet/shared/cache.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { distinguishedNameText } from '@certfleet/shared/distinguished-name-text.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { FleetView } from '../fleet-index/view/fleet-view.ts';
import type { NamedCas } from './ca-reference.ts';
import { fingerprintsOf } from './rotation-certificates.ts';
import type { CaCertificates } from './rotation-certificates.ts';

export interface FleetCasParts {
  readonly view: () => FleetView;
  /** Reads the certificate files of a volume from its agent; the answer of a node is not trusted. */
  readonly describeVolume: (volume: {
    readonly node: string;
    readonly volumeId: string;
  }) => Promise<{ readonly ca: readonly Uint8Array[] }>;
  readonly silentAfterMs: number;
  readonly clock: Clock;
}

/** At least the number of CAs that metrics may name. */
const maxCached = 400;
const neverMs = 365 * 86_400_000;
/** After agents gave no answer, they are not asked again before: a rotation that waits must not delay the others. */
const retryMs = 15_000;
/** Agents on other nodes are asked if one gives no answer. */
const maxAsked = 3;
const maxListed = 10;

/**
 * The CA certificates in the CA files of the fleet. Reports contain fingerprints; the certificate comes from an agent whose
 * volume has it, and is compared with the fingerprint, so that no node can give another one.
 */
export class FleetCas {
  readonly #parts: FleetCasParts;
  readonly #known: Cache<{ readonly pem: string; readonly subject: string }>;
  readonly #unanswered: Cache<{ readonly problem: string }>;

  constructor(parts: FleetCasParts) {
    this.#parts = parts;
    this.#known = new Cache({ clock: parts.clock, ttlMs: neverMs, maxEntries: maxCached });
    this.#unanswered = new Cache({ clock: parts.clock, ttlMs: retryMs, maxEntries: maxCached });
  }

  /**
   * The certificates of the named CAs.
   * @throws CertfleetError invalid-argument, reason UnknownCa, if the fleet does not have the CA, or more than one;
   * unavailable if no agent sends it
   */
  async resolve({ from, to }: NamedCas): Promise<CaCertificates> {
    const after = to.certificate ?? (await this.certificatesOf(named('to', to.fingerprint)));
    return { from: from.certificate ?? (await this.#replaced(from, after)), to: after };
  }

  /** The certificates with these fingerprints, in PEM. @throws as `resolve` */
  async certificatesOf(fingerprints: readonly string[]): Promise<string> {
    const found: string[] = [];
    for (const fingerprint of fingerprints) found.push(await this.#certificateOf(fingerprint));
    return found.join('');
  }

  /** Reads certificates that are not known yet. Never rejects. */
  async learn(fingerprints: readonly string[]): Promise<void> {
    for (const fingerprint of fingerprints) await this.#certificateOf(fingerprint).catch(() => undefined);
  }

  /** The subject of a CA (RFC 4514); undefined unless its certificate was read. */
  subjectOf(fingerprint: string): string | undefined {
    return this.#known.get(fingerprint)?.subject;
  }

  async #replaced({ fingerprint, issuer }: NamedCas['from'], after: string): Promise<string> {
    if (issuer === undefined) return await this.certificatesOf(named('from', fingerprint));
    return await this.certificatesOf(this.#casOf(issuer, new Set(fingerprintsOf(after))));
  }

  /** The CA of an issuer's volumes, besides the new one. */
  #casOf(issuer: string, others: ReadonlySet<string>): readonly string[] {
    const found = new Map<string, readonly string[]>();
    const issuers = new Set<string>();
    let isKnown = false;
    for (const volume of this.#parts.view().volumes()) {
      const key = issuerKey(volume.issuer);
      isKnown ||= key === issuer;
      if (issuers.size <= maxListed) issuers.add(key);
      const own = volume.certificate?.caFingerprints.filter((each) => !others.has(each)) ?? [];
      if (key === issuer && own.length > 0) found.set([...own].sort().join(), own);
    }
    const [first, ...more] = found.values();
    if (first !== undefined && more.length === 0) return first;
    if (first === undefined)
      throw unknownCa(
        isKnown
          ? `no volume of the issuer ${issuer} has another CA than the new one`
          : `no volume has the issuer ${issuer}; known are: ${listOf([...issuers])}`,
      );
    throw unknownCa(
      `volumes of the issuer ${issuer} have certificates of ${found.size} CAs; name one by its SHA-256: ${listOf([...found.keys()])}`,
    );
  }

  async #certificateOf(fingerprint: string): Promise<string> {
    const known = this.#known.get(fingerprint);
    if (known !== undefined) return known.pem;
    const volumes = this.#volumesWith(fingerprint);
    if (volumes.length === 0) throw this.#unknown(fingerprint);
    let problem = this.#unanswered.get(fingerprint)?.problem ?? '';
    for (const volume of problem === '' ? volumes : []) {
      try {
        const { ca } = await this.#parts.describeVolume(volume);
        const pem = pemOf(ca, fingerprint);
        if (pem !== undefined) {
          this.#known.set(fingerprint, { pem, subject: distinguishedNameText(new X509Certificate(pem).subject) });
          return pem;
        }
        problem = `node ${volume.node} sent other certificates`;
      } catch (thrown) {
        problem = asCertfleetError(thrown).message;
      }
    }
    if (this.#unanswered.get(fingerprint) === undefined) this.#unanswered.set(fingerprint, { problem });
    throw new CertfleetError('unavailable', `the certificate of the CA ${fingerprint} cannot be read: ${problem}`);
  }

  /** Volumes with a CA, each on another node; nodes that report come first. */
  #volumesWith(fingerprint: string): readonly { readonly node: string; readonly volumeId: string }[] {
    const { view, clock, silentAfterMs } = this.#parts;
    const silent = new Set(
      view()
        .silentNodes(clock.now(), silentAfterMs)
        .map(({ node }) => node),
    );
    const found = new Map<string, string>();
    const missed = new Map<string, string>();
    for (const { node, volumeId, certificate } of view().volumes()) {
      if (found.size === maxAsked) break;
      if (certificate?.caFingerprints.includes(fingerprint) !== true) continue;
      if (!silent.has(node)) found.set(node, volumeId);
      else if (missed.size < maxAsked) missed.set(node, volumeId);
    }
    return [...found, ...missed].slice(0, maxAsked).map(([node, volumeId]) => ({ node, volumeId }));
  }

  #unknown(fingerprint: string): CertfleetError {
    const counts = new Map<string, number>();
    for (const { certificate } of this.#parts.view().volumes())
      for (const each of certificate?.caFingerprints ?? []) counts.set(each, (counts.get(each) ?? 0) + 1);
    const known = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([ca, n]) => `${ca} (${n})`);
    return unknownCa(
      `no volume has a certificate of the CA ${fingerprint}; known, with their volumes, are: ${listOf(known)}`,
    );
  }
}

function named(field: 'from' | 'to', fingerprint: string | undefined): readonly string[] {
  if (fingerprint === undefined)
    throw new CertfleetError('invalid-argument', `${field}: expected a certificate or its SHA-256`);
  return [normalFingerprint(fingerprint)];
}

function unknownCa(message: string): CertfleetError {
  return new CertfleetError('invalid-argument', message, { reason: 'UnknownCa' });
}

function listOf(texts: readonly string[]): string {
  if (texts.length === 0) return 'none, because no node has reported a certificate';
  const more = texts.length - maxListed;
  return `${texts.slice(0, maxListed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function pemOf(ders: readonly Uint8Array[], fingerprint: string): string | undefined {
  for (const der of ders) {
    try {
      const certificate = new X509Certificate(der);
      if (normalFingerprint(certificate.fingerprint256) === fingerprint) return certificate.toString();
    } catch {
      // A node may send anything; another one is asked.
    }
  }
  return undefined;
}
