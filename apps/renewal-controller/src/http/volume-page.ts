import { VolumeReport_Cause, VolumeReport_KeyType } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { stateName } from '../fleet-index/fleet-summary.ts';
import type { VolumeStateName } from '../fleet-index/fleet-summary.ts';
import type { FleetView } from '../fleet-index/fleet-view.ts';
import { issuerKey } from '../fleet-index/volume-state.ts';
import type { CertificateState, FailureState, VolumeState } from '../fleet-index/volume-state.ts';
import type { VolumeQuery } from './schemas.ts';

const keyTypes = new Map<number, string>(Object.entries(VolumeReport_KeyType).map(([name, value]) => [value, name]));
const causes = new Map<number, string>(Object.entries(VolumeReport_Cause).map(([name, value]) => [value, name]));

/** A volume in the API's words: times in RFC 3339, lower-case names for what the fleet API counts. */
export interface ShownVolume extends Pick<VolumeState, 'node' | 'volumeId' | 'namespace' | 'pod' | 'generation'> {
  /** Key of the issuer, `kind.group/namespace/name`. */
  readonly issuer: string;
  readonly state: VolumeStateName;
  readonly keyType: string;
  /** What brought the certificate about: mount, job or deadline. */
  readonly cause: string;
  readonly certificate?: Omit<CertificateState, `${string}Ms`> & {
    readonly notBefore: string;
    readonly notAfter: string;
    readonly renewAt: string;
    readonly issuedAt: string;
  };
  readonly failure?: Omit<FailureState, 'atMs'> & { readonly at: string };
}

/** How the API shows a volume at a time. */
export function shownVolume(volume: VolumeState, nowMs: number): ShownVolume {
  const { node, volumeId, namespace, pod, issuer, generation, certificate, failure } = volume;
  return {
    node,
    volumeId,
    namespace,
    pod,
    issuer: issuerKey(issuer),
    generation,
    state: stateName(volume, nowMs),
    keyType: keyTypes.get(volume.keyType)?.toLowerCase() ?? 'unspecified',
    cause: causes.get(volume.cause)?.toLowerCase() ?? 'unspecified',
    ...(certificate && { certificate: shownCertificate(certificate) }),
    ...(failure && { failure: shownFailure(failure) }),
  };
}

function shownCertificate(certificate: CertificateState): NonNullable<ShownVolume['certificate']> {
  const { notBeforeMs, notAfterMs, renewAtMs, issuedAtMs, ...rest } = certificate;
  return {
    ...rest,
    notBefore: iso(notBeforeMs),
    notAfter: iso(notAfterMs),
    renewAt: iso(renewAtMs),
    issuedAt: iso(issuedAtMs),
  };
}

function shownFailure({ atMs, ...rest }: FailureState): NonNullable<ShownVolume['failure']> {
  return { ...rest, at: iso(atMs) };
}

const iso = (timeMs: number): string => new Date(timeMs).toISOString();

/** One page, in the order of node and volume id. */
export interface VolumePage {
  readonly volumes: readonly ShownVolume[];
  /** Matching volumes on all pages. */
  readonly total: number;
  /** What to ask the next page `after`; absent on the last one. */
  readonly next?: string;
}

/** The page that a query means. A page goes on where the one before ended, whatever came or went in between. */
export function volumePage(view: FleetView, query: VolumeQuery, nowMs: number): VolumePage {
  const { limit, after, issuer, state, ...selection } = query;
  const matching = [...view.select(selection)]
    .filter((volume) => issuer === undefined || issuerKey(volume.issuer) === issuer)
    .filter((volume) => state === undefined || stateName(volume, nowMs) === state)
    .map((volume) => ({ volume, place: placeOf(volume) }))
    .sort((a, b) => (a.place < b.place ? -1 : 1));
  const rest = after === undefined ? matching : matching.filter(({ place }) => place > after);
  const page = rest.slice(0, limit);
  const next = rest.length > limit ? page.at(-1)?.place : undefined;
  return {
    volumes: page.map(({ volume }) => shownVolume(volume, nowMs)),
    total: matching.length,
    ...(next === undefined ? {} : { next }),
  };
}

const placeOf = ({ node, volumeId }: VolumeState): string => `${node}/${volumeId}`;
