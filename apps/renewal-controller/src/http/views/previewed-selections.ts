import { Cache } from '@certfleet/shared/cache.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { volumeKey } from '../../fleet-index/model/volume-key.ts';
import type { IndexedVolume } from '../../fleet-index/model/indexed-volume.ts';
import type { VolumeSelection } from '../../fleet-index/query/volume-selection.ts';
import type { FleetView } from '../../fleet-index/view/fleet-view.ts';

export interface PreviewedSelectionsOptions {
  readonly view: () => FleetView;
  readonly clock: Clock;
}

const keptMs = 10 * 60_000;
/** Eight bytes per volume: 16 previews of 300,000 volumes take 38 MB. */
const maxKept = 16;

/**
 * Relates a renewal to the preview that an operator confirmed. The token of a preview identifies its volumes. Volumes
 * that match the selection only since the preview are not renewed: the replica that made the preview leaves them out,
 * any other replica rejects the token.
 */
export class PreviewedSelections {
  readonly #options: PreviewedSelectionsOptions;
  readonly #previews: Cache<Float64Array>;

  constructor(options: PreviewedSelectionsOptions) {
    this.#options = options;
    this.#previews = new Cache({ clock: options.clock, ttlMs: keptMs, maxEntries: maxKept });
  }

  /** The token of the volumes that the selection would renew now. */
  preview(selection: VolumeSelection): { readonly token: string; readonly volumes: readonly IndexedVolume[] } {
    const volumes = this.#renewable(selection);
    const hashes = Float64Array.from(volumes, hashOf);
    const token = tokenOf(hashes);
    this.#previews.set(token, hashes);
    return { token, volumes };
  }

  /**
   * Limits a selection to the volumes of its preview.
   * @throws CertfleetError failed-precondition if it selects other volumes and this replica did not make the preview
   */
  confirmed(selection: VolumeSelection, token: string): VolumeSelection {
    const volumes = this.#renewable(selection);
    const hashes = Float64Array.from(volumes, hashOf);
    if (tokenOf(hashes) === token) return selection;
    const previewed = this.#previews.get(token);
    if (previewed === undefined) {
      throw new CertfleetError(
        'failed-precondition',
        `the selection has changed since its preview; it now matches ${volumes.length} volumes: confirm the new preview`,
      );
    }
    const known = new Set(previewed);
    const both = volumes.filter((_, i) => known.has(hashes[i] ?? -1));
    return { ...selection, volumes: both.map(({ node, volumeId }) => ({ node, volumeId })) };
  }

  #renewable(selection: VolumeSelection): readonly IndexedVolume[] {
    const { view, clock } = this.#options;
    return view()
      .select(selection, clock.now())
      .filter(({ certificate }) => certificate !== undefined);
  }
}

const words = 2 ** 32;
/** A number has 53 bits: 32 of one hash and 21 of another. */
const highBits = 2 ** 21;

/** A hash of node and id. Not cryptographic: whoever confirms a renewal may also request it without a token. */
function hashOf(volume: IndexedVolume): number {
  const key = volumeKey(volume);
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let i = 0; i < key.length; i += 1) {
    const code = key.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b);
  }
  return ((high >>> 0) % highBits) * words + (low >>> 0);
}

/** Independent of the order, because replicas may list volumes in different order. */
function tokenOf(hashes: Float64Array): string {
  let low = 0;
  let high = 0;
  for (const hash of hashes) {
    low += hash % words;
    high += Math.floor(hash / words);
  }
  return `${hashes.length}.${low.toString(36)}.${high.toString(36)}`;
}
