import { certificatesOf } from '../crypto/ca-certificates.ts';
import type { CaCertificate } from '../crypto/ca-certificates.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { TrustSource, VolumeTrust } from '../storage/volume-record.ts';

/** The CA certificates that a source gives a volume. */
export interface SourceRoots {
  /** Kind and name, as in `VolumeTrust`. */
  readonly source: string;
  readonly roots: readonly CaCertificate[];
}

/** What the sources of additional trust say about a volume. */
export interface TrustAnswer {
  /** From sources whose state is known. */
  readonly given: readonly SourceRoots[];
  /** Whether the state of a source is unknown, so that the volume keeps what the source gave before. */
  readonly isUnknown: (source: string) => boolean;
  /** Fingerprints that no source may add. */
  readonly excluded: ReadonlySet<string>;
}

/** Asks the sources about a volume whose certificate has CA certificates with these fingerprints. */
export type AskTrust = (
  volume: { readonly volumeId: string; readonly spec: VolumeSpec },
  own: readonly string[],
) => TrustAnswer;

/** Without sources, a volume keeps what it has. */
export const askNoSource: AskTrust = () => ({ given: [], isUnknown: () => true, excluded: new Set() });

export interface TrustComponents {
  /** The CA of the volume's certificate. */
  readonly own: { readonly pem: string; readonly fingerprints: readonly string[] };
  readonly stored: Pick<VolumeTrust, 'sources'> | undefined;
  readonly answer: TrustAnswer;
  /** The current CA file, which contains the certificates of `stored`. Called only if they are needed. */
  readonly readFile: () => string;
}

export interface ComposedTrust {
  readonly caPem: string;
  readonly sources: readonly TrustSource[];
}

/**
 * The content of a CA file: the certificate's own CA, unchanged, and then each additional certificate once, in the order
 * of the sources' names.
 */
export function composeTrust(components: TrustComponents): ComposedTrust {
  const { own, answer, readFile } = components;
  const sources = sourcesOf(components);
  if (sources.length === 0) return { caPem: own.pem, sources };
  const known = [...certificatesOf(readFile()), ...answer.given.flatMap(({ roots }) => roots)];
  const pems = new Map(known.map(({ fingerprint, pem }) => [fingerprint, pem]));
  const isOwn = new Set(own.fingerprints);
  const additional = new Set(sources.flatMap(({ fingerprints }) => fingerprints.filter((each) => !isOwn.has(each))));
  // After a crash, the record may name a certificate that the file has not got yet; its source gives it again.
  const blocks = [...additional].flatMap((fingerprint) => pems.get(fingerprint) ?? []);
  if (blocks.length === 0) return { caPem: own.pem, sources };
  const separator = own.pem === '' || own.pem.endsWith('\n') ? '' : '\n';
  return { caPem: own.pem + separator + blocks.join(''), sources };
}

function sourcesOf({ stored, answer }: TrustComponents): readonly TrustSource[] {
  const bySource = new Map<string, readonly string[]>();
  for (const { source, fingerprints } of stored?.sources ?? [])
    if (answer.isUnknown(source)) bySource.set(source, fingerprints);
  for (const { source, roots } of answer.given)
    bySource.set(
      source,
      roots.map(({ fingerprint }) => fingerprint),
    );
  return [...bySource]
    .map(([source, all]) => ({ source, fingerprints: all.filter((each) => !answer.excluded.has(each)) }))
    .filter(({ fingerprints }) => fingerprints.length > 0)
    .sort((a, b) => (a.source < b.source ? -1 : 1));
}
