import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { issuerKey } from '../model/indexed-volume.ts';
import type { IssuerName, IndexedVolume } from '../model/indexed-volume.ts';

/** Whether a volume matches. */
export type VolumeCriterion = (volume: IndexedVolume, status: VolumeStatus) => boolean;

/** Compiles a filter once, because it runs for every volume of the fleet. */
export function volumeFilter(filter: VolumeFilter): VolumeCriterion {
  const criteria = [...equalities(filter), ...comparisons(filter)];
  if (filter.state !== undefined) criteria.push(stateIn(filter.state));
  if (filter.served !== undefined) criteria.push(servedIn(filter.served));
  if (filter.search !== undefined) criteria.push(searchFor(filter.search));
  const [only] = criteria;
  if (criteria.length === 1 && only !== undefined) return only;
  return (volume, status) => criteria.every((holds) => holds(volume, status));
}

function equalities({ node, namespace, pod, volumeId, issuer }: VolumeFilter): VolumeCriterion[] {
  const criteria: VolumeCriterion[] = [];
  if (node !== undefined) criteria.push((volume) => volume.node === node);
  if (namespace !== undefined) criteria.push((volume) => volume.namespace === namespace);
  if (pod !== undefined) criteria.push((volume) => volume.pod === pod);
  if (volumeId !== undefined) criteria.push((volume) => volume.volumeId === volumeId);
  if (issuer !== undefined) criteria.push((volume) => issuerKey(volume.issuer) === issuer);
  return criteria;
}

function comparisons({ expiresBefore, renewsBefore, caFingerprint }: VolumeFilter): VolumeCriterion[] {
  const criteria: VolumeCriterion[] = [];
  if (expiresBefore !== undefined) {
    const beforeMs = Date.parse(expiresBefore);
    criteria.push(({ certificate }) => certificate !== undefined && certificate.notAfterMs < beforeMs);
  }
  if (renewsBefore !== undefined) {
    const beforeMs = Date.parse(renewsBefore);
    criteria.push(({ certificate }) => certificate !== undefined && certificate.renewAtMs < beforeMs);
  }
  if (caFingerprint !== undefined)
    criteria.push(({ certificate }) => certificate?.caFingerprints.includes(caFingerprint) ?? false);
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

/** Kubernetes requires lower case in names of pods, namespaces and nodes; other values are lower-cased. */
function searchFor(search: string): VolumeCriterion {
  const part = search.toLowerCase();
  // OpenSSL and browsers print serial numbers with colons.
  const serialPart = part.replaceAll(':', '');
  const issuers = new Map<IssuerName, boolean>();
  const isOfIssuer = (issuer: IssuerName): boolean => {
    let found = issuers.get(issuer);
    if (found === undefined) issuers.set(issuer, (found = issuerKey(issuer).toLowerCase().includes(part)));
    return found;
  };
  return ({ pod, namespace, node, volumeId, issuer, certificate }) =>
    pod.includes(part) ||
    namespace.includes(part) ||
    node.includes(part) ||
    volumeId.includes(part) ||
    isOfIssuer(issuer) ||
    (certificate !== undefined &&
      (certificate.dnsNames.some((name) => name.toLowerCase().includes(part)) ||
        (serialPart !== '' && certificate.serial.toLowerCase().includes(serialPart))));
}
