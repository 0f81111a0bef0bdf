import { certificatesOf, readRotationCas } from './rotation-certificates.ts';
import { isActive, isFinished, isProposed } from './rotation-object.ts';
import type { RotationObject } from './rotation-object.ts';

/**
 * The name of a rotation of one of the same CAs that goes before this one: one that has begun before one that has not,
 * a proposal that nobody has accepted last, then the older one. The order is the same on every replica.
 */
export function overlappingRotation(object: RotationObject, all: readonly RotationObject[]): string | undefined {
  if (all.length <= 1) return undefined;
  const own = fingerprintsOf(object);
  const first = all.find(
    (other) =>
      other.metadata.uid !== object.metadata.uid &&
      !isFinished(other) &&
      goesBefore(other, object) &&
      fingerprintsOf(other).some((each) => own.includes(each)),
  );
  return first?.metadata.name;
}

function goesBefore(one: RotationObject, other: RotationObject): boolean {
  if (isActive(one) !== isActive(other)) return isActive(one);
  if (isProposed(one) !== isProposed(other)) return isProposed(other);
  const [a, b] = [one.metadata, other.metadata];
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp < b.creationTimestamp;
  return a.name < b.name;
}

function fingerprintsOf(object: RotationObject): readonly string[] {
  const { status } = object;
  if (status?.trust !== undefined) return status.trust.fingerprints;
  const pems = certificatesOf(object);
  const cas = pems && readRotationCas(pems);
  return cas === undefined || 'problem' in cas ? [] : [...cas.from, ...cas.to];
}
