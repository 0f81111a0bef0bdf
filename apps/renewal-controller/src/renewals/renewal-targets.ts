import { hash } from 'node:crypto';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';

type VolumeGeneration = Pick<IndexedVolume, 'node' | 'volumeId' | 'generation'>;

/** The targets of one node, as the status of a Renewal contains them. */
export interface NodeTargets {
  readonly node: string;
  /** The sorted hashes of the targets, four bytes each, in Base64. */
  readonly hashes: string;
}

const hashBytes = 4;
/** Keeps an object below a megabyte; the API server's store accepts 1.5 MB. */
export const maxTargets = 150_000;

/**
 * The volumes that a renewal replaces, each at the generation that it had when the renewal was accepted. A volume that
 * still has this generation is not renewed yet; one with a later generation is. So no clock decides what is left to do,
 * and it can be decided again after Redis has lost everything.
 */
export class RenewalTargets {
  readonly #byNode: ReadonlyMap<string, Buffer>;

  private constructor(byNode: ReadonlyMap<string, Buffer>) {
    this.#byNode = byNode;
  }

  static of(volumes: readonly VolumeGeneration[]): RenewalTargets {
    const hashes = new Map<string, number[]>();
    for (const volume of volumes) {
      const ofNode = hashes.get(volume.node);
      if (ofNode === undefined) hashes.set(volume.node, [hashOf(volume)]);
      else ofNode.push(hashOf(volume));
    }
    return new RenewalTargets(new Map([...hashes].map(([node, ofNode]) => [node, packed(ofNode)])));
  }

  /**
   * Reads the targets of a status, also if a node has several entries. Only the controller writes them; a damaged entry
   * contains fewer targets.
   */
  static parse(targets: readonly NodeTargets[]): RenewalTargets {
    const hashes = new Map<string, Buffer>();
    for (const { node, hashes: text } of targets) {
      const known = hashes.get(node);
      const more = Buffer.from(text, 'base64');
      hashes.set(node, known === undefined ? more : merged(known, more));
    }
    return new RenewalTargets(hashes);
  }

  toStatus(): NodeTargets[] {
    return [...this.#byNode].map(([node, hashes]) => ({ node, hashes: hashes.toString('base64') }));
  }

  /** The nodes and the number of their targets. */
  *nodes(): Generator<readonly [node: string, count: number]> {
    for (const [node, hashes] of this.#byNode) yield [node, hashes.length / hashBytes];
  }

  count(): number {
    return [...this.#byNode.values()].reduce((sum, { length }) => sum + length / hashBytes, 0);
  }

  has(volume: VolumeGeneration): boolean {
    const hashes = this.#byNode.get(volume.node);
    if (hashes === undefined) return false;
    const wanted = hashOf(volume);
    let [low, high] = [0, hashes.length / hashBytes - 1];
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = hashes.readUInt32BE(middle * hashBytes);
      if (found === wanted) return true;
      if (found < wanted) low = middle + 1;
      else high = middle - 1;
    }
    return false;
  }
}

/** Two targets of one node rarely have the same hash; a volume's own generations have different ones. */
function hashOf({ volumeId, generation }: VolumeGeneration): number {
  return Number.parseInt(hash('sha256', `${volumeId}\0${generation}`, 'hex').slice(0, 2 * hashBytes), 16);
}

/** Both lists of hashes, sorted. */
function merged(...lists: readonly Buffer[]): Buffer {
  return packed(
    lists.flatMap((list) =>
      Array.from({ length: Math.floor(list.length / hashBytes) }, (_, i) => list.readUInt32BE(i * hashBytes)),
    ),
  );
}

function packed(hashes: readonly number[]): Buffer {
  const bytes = Buffer.alloc(hashes.length * hashBytes);
  hashes.toSorted((a, b) => a - b).forEach((each, i) => bytes.writeUInt32BE(each, i * hashBytes));
  return bytes;
}
