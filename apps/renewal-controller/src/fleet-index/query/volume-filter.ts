import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import { normalFingerprint } from '@certfleet/operator-api/fingerprint.ts';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { issuerKey } from '../model/indexed-volume.ts';
import type { IndexedCertificate, IndexedVolume } from '../model/indexed-volume.ts';

import { namePattern } from './name-pattern.ts';
import { perIssuer } from './per-issuer.ts';
import { postureCriteria } from './posture-criteria.ts';
import { volumeSearch } from './volume-search.ts';
import { workloadCriteria } from './workload-criteria.ts';

/** Whether a volume matches. */
export type VolumeCriterion = (volume: IndexedVolume, status: VolumeStatus) => boolean;

/** Compiles a filter once, because it runs for every volume of the fleet. */
export function volumeFilter(filter: VolumeFilter): VolumeCriterion {
  const criteria = [
    ...equalities(filter),
    ...comparisons(filter),
    ...postureCriteria(filter),
    ...workloadCriteria(filter),
  ];
  if (filter.state !== undefined) criteria.push(stateIn(filter.state));
  if (filter.served !== undefined) criteria.push(servedIn(filter.served));
  if (filter.search !== undefined) criteria.push(volumeSearch(filter.search));
  const [only] = criteria;
  if (criteria.length === 1 && only !== undefined) return only;
  return (volume, status) => criteria.every((holds) => holds(volume, status));
}

/** A criterion and, if given, another one. */
export function bothCriteria(first: VolumeCriterion, second: VolumeCriterion | undefined): VolumeCriterion {
  if (second === undefined) return first;
  return (volume, status) => first(volume, status) && second(volume, status);
}

function equalities({ node, namespace, pod, volumeId, issuer }: VolumeFilter): VolumeCriterion[] {
  const criteria: VolumeCriterion[] = [];
  const add = (pattern: string | undefined, nameOf: (volume: IndexedVolume) => string): void => {
    if (pattern === undefined) return;
    const isMatch = namePattern(pattern);
    criteria.push((volume) => isMatch(nameOf(volume)));
  };
  add(node, (volume) => volume.node);
  add(namespace, (volume) => volume.namespace);
  add(pod, (volume) => volume.pod);
  add(volumeId, (volume) => volume.volumeId);
  if (issuer !== undefined) criteria.push(ofIssuer(issuer));
  return criteria;
}

/** An issuer is given as its key, or as the page shows it: its name, with its namespace if it has one. */
function ofIssuer(pattern: string): VolumeCriterion {
  const isMatch = namePattern(pattern);
  const holds = perIssuer((issuer) => {
    const { namespace, name } = issuer;
    return [issuerKey(issuer), name, ...(namespace === '' ? [] : [`${namespace}/${name}`])].some(isMatch);
  });
  return ({ issuer }) => holds(issuer);
}

function comparisons({ caFingerprint, ...filter }: VolumeFilter): VolumeCriterion[] {
  const criteria = [
    ...timeCriteria(filter.expiresAfter, filter.expiresBefore, ({ notAfterMs }) => notAfterMs),
    ...timeCriteria(filter.renewsAfter, filter.renewsBefore, ({ renewAtMs }) => renewAtMs),
    ...timeCriteria(filter.issuedAfter, filter.issuedBefore, ({ issuedAtMs }) => issuedAtMs),
  ];
  if (caFingerprint !== undefined) {
    const fingerprint = normalFingerprint(caFingerprint);
    criteria.push(({ certificate }) => certificate?.caFingerprints.includes(fingerprint) ?? false);
  }
  return criteria;
}

/** Criteria for a time of certificates, from the first time and before the second one. */
function timeCriteria(
  from: string | undefined,
  before: string | undefined,
  timeOf: (certificate: IndexedCertificate) => number,
): VolumeCriterion[] {
  const criteria: VolumeCriterion[] = [];
  if (from !== undefined) {
    const fromMs = Date.parse(from);
    criteria.push(({ certificate }) => certificate !== undefined && timeOf(certificate) >= fromMs);
  }
  if (before !== undefined) {
    const beforeMs = Date.parse(before);
    criteria.push(({ certificate }) => certificate !== undefined && timeOf(certificate) < beforeMs);
  }
  return criteria;
}

function stateIn(states: string): VolumeCriterion {
  const wanted = new Set(states.split(','));
  return (_volume, status) => wanted.has(status);
}

function servedIn(states: string): VolumeCriterion {
  const wanted = new Set(states.split(','));
  return ({ served }) => served !== undefined && wanted.has(served);
}
