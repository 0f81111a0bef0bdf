import { lifetimeMs } from '@certfleet/operator-api/lifetime.ts';
import type { VolumeFilter } from '@certfleet/operator-api/volume-query.ts';
import type { IndexedVolume } from '../model/indexed-volume.ts';
import { namePattern } from './name-pattern.ts';

type Criterion = (volume: IndexedVolume) => boolean;

/** The criteria for the cryptographic properties of certificates. A property that was not reported matches none. */
export function postureCriteria(filter: VolumeFilter): Criterion[] {
  const { rsaBelow, signature, isCa, usage } = filter;
  const criteria: Criterion[] = [];
  if (rsaBelow !== undefined) {
    const limit = Number(rsaBelow);
    criteria.push(({ keyBits }) => keyBits !== undefined && keyBits < limit);
  }
  if (signature !== undefined) {
    const isMatch = valuePattern(signature);
    criteria.push(({ signatureAlgorithm }) => signatureAlgorithm !== undefined && isMatch(signatureAlgorithm));
  }
  if (isCa !== undefined) {
    const wanted = isCa === 'true';
    criteria.push(({ signatureAlgorithm, isCa: is }) => signatureAlgorithm !== undefined && (is === 1) === wanted);
  }
  if (usage !== undefined) {
    const isMatch = valuePattern(usage);
    criteria.push(({ usages }) => usages?.some(isMatch) ?? false);
  }
  return [...criteria, ...lifetimeCriteria(filter)];
}

function lifetimeCriteria({ lifetimeOver, requestedOver }: VolumeFilter): Criterion[] {
  const criteria: Criterion[] = [];
  if (lifetimeOver !== undefined) {
    const limitMs = lifetimeMs(lifetimeOver);
    criteria.push(
      ({ certificate }) => certificate !== undefined && certificate.notAfterMs - certificate.notBeforeMs > limitMs,
    );
  }
  if (requestedOver !== undefined) {
    const limitMs = lifetimeMs(requestedOver);
    criteria.push(({ requestedSeconds }) => requestedSeconds !== undefined && requestedSeconds * 1_000 > limitMs);
  }
  return criteria;
}

/** A name pattern that remembers each text, since a fleet has few of them and many volumes. */
function valuePattern(pattern: string): (text: string) => boolean {
  const isMatch = namePattern(pattern.trim());
  const known = new Map<string, boolean>();
  return (text) => {
    let found = known.get(text);
    if (found === undefined) {
      found = isMatch(text);
      if (known.size < maxKnown) known.set(text, found);
    }
    return found;
  };
}

const maxKnown = 1_000;
