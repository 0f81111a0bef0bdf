import type { IndexedVolume } from '../model/indexed-volume.ts';
import { TopN } from '../query/top-n.ts';

/** A volume whose pod still serves another certificate than the volume's. */
export interface NotLoadedVolume {
  readonly volume: IndexedVolume;
  readonly sinceMs: number;
}

/** The volumes whose pods have not loaded their certificate. */
export interface NotLoadedVolumes {
  readonly count: number;
  /** The ten that have waited longest. */
  readonly longest: readonly NotLoadedVolume[];
}

const maxListed = 10;

/** Counts the volumes whose pods have not loaded their certificate, and keeps the longest ones. */
export class NotLoadedCounter {
  readonly #longest = new TopN<NotLoadedVolume>(maxListed, compare);
  #count = 0;

  count(volume: IndexedVolume): void {
    if (volume.served !== 'not-loaded') return;
    this.#count += 1;
    this.#longest.offer({ volume, sinceMs: volume.servedSinceMs ?? Infinity });
  }

  add(other: NotLoadedCounter): void {
    if (other.#count === 0) return;
    this.#count += other.#count;
    for (const each of other.#longest.sorted()) this.#longest.offer(each);
  }

  volumes(): NotLoadedVolumes {
    return { count: this.#count, longest: this.#longest.sorted() };
  }
}

/** The longest first; the volume's key keeps the order of equal ones between two counts. */
function compare(a: NotLoadedVolume, b: NotLoadedVolume): number {
  if (a.sinceMs !== b.sinceMs) return a.sinceMs < b.sinceMs ? -1 : 1;
  return compareText(a.volume.volumeId, b.volume.volumeId) || compareText(a.volume.node, b.volume.node);
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
