import { idHash } from '../spec/volume-labels.ts';
import type { CertificateRequestView } from './certificate-request.ts';

/** Far more than a node has; anyone who may create requests can give them the node's label. */
const maxNames = 20_000;

/**
 * The requests that the volumes of the node had when the agent started. After a reboot, they are all that is left of an
 * earlier life of a volume, and Kubernetes would keep them for as long as the pod exists.
 */
export class RequestsAtStart {
  readonly #byVolume = new Map<string, Set<string>>();
  #count = 0;

  /** A list that is repeated adds nothing. */
  add({ volumeIdHash, name }: Pick<CertificateRequestView, 'volumeIdHash' | 'name'>): void {
    const names = this.#byVolume.get(volumeIdHash) ?? new Set();
    if (this.#count >= maxNames || names.has(name)) return;
    this.#byVolume.set(volumeIdHash, names.add(name));
    this.#count += 1;
  }

  /** The names of a volume's requests, once. */
  take(volumeId: string): readonly string[] {
    const volumeIdHash = idHash(volumeId);
    const names = [...(this.#byVolume.get(volumeIdHash) ?? [])];
    this.#byVolume.delete(volumeIdHash);
    this.#count -= names.length;
    return names;
  }
}
