import { reportedServedStates } from '../../../libs/fleet-model/src/report-terms.ts';
import type { ServedState } from '../../../libs/fleet-model/src/vocabulary.ts';
import type { VolumeReport } from '../../../libs/shared/gen/fleet/v1/fleet.ts';
import type { VolumeDescription } from '../../../apps/node-agent/src/fleet/fleet-volumes.ts';
import { GatedVolumes } from './gated-volumes.ts';

/** The trust of a rotation, as agents read it from the object. */
export interface AgentTrust {
  readonly fingerprints: readonly string[];
  readonly state: string;
}

/** Volumes of an agent that adds the roots of a rotation to CA files; an issuer signs with one CA at a time. */
export class RotatingVolumes extends GatedVolumes {
  /** The CA that the issuer signs with. */
  issuerCa: string;
  /** What pods with a probe serve, by volume id. */
  readonly served = new Map<string, ServedState>();
  /** The CA certificates that the agent sends when it is asked, in DER, by fingerprint. */
  readonly certificates = new Map<string, Uint8Array>();
  readonly #cas = new Map<string, string>();
  #trust: AgentTrust | undefined;

  constructor(issuerCa: string) {
    super();
    this.issuerCa = issuerCa;
  }

  /** The CA of each volume and those that its file contains, by volume id. */
  get trusted(): ReadonlyMap<string, readonly string[]> {
    return new Map([...this.#cas].map(([id, ca]) => [id, [ca, ...this.#added(ca)]]));
  }

  get cas(): ReadonlySet<string> {
    return new Set(this.#cas.values());
  }

  /** Sees the trust of the rotation and rewrites the CA files. */
  follow(trust: AgentTrust | undefined): void {
    if (JSON.stringify(trust) === JSON.stringify(this.#trust)) return;
    this.#trust = trust;
    this.reportAgain();
  }

  /** Reports every volume, for example after a change of what pods serve. */
  reportAgain(): void {
    for (const id of this.ids()) this.set(id, this.report(id));
  }

  override set(volumeId: string, fields: Partial<VolumeReport> = {}): void {
    const before = this.report(volumeId);
    const isIssued = (fields.generation ?? before?.generation ?? 1) !== before?.generation;
    const ca = isIssued ? this.issuerCa : (this.#cas.get(volumeId) ?? this.issuerCa);
    this.#cas.set(volumeId, ca);
    const { certificate } = fields;
    const served = this.served.get(volumeId);
    super.set(volumeId, {
      ...fields,
      ...(certificate && { certificate: { ...certificate, caFingerprintsSha256: [ca] } }),
      additionalTrust: { caFingerprintsSha256: [...this.#added(ca)] },
      ...(served && {
        served: { state: reportedServedStates[served], since: new Date(), failure: 0 },
      }),
    });
  }

  override describe(volumeId: string): VolumeDescription {
    const ca = this.certificates.get(this.#cas.get(volumeId) ?? '');
    return ca === undefined ? super.describe(volumeId) : { chain: [], ca: [ca], absent: '', truncated: false };
  }

  override delete(volumeId: string): void {
    this.#cas.delete(volumeId);
    super.delete(volumeId);
  }

  #added(ca: string): readonly string[] {
    const { fingerprints = [], state } = this.#trust ?? {};
    return state === 'Add' && fingerprints.includes(ca) ? fingerprints.filter((each) => each !== ca) : [];
  }
}
