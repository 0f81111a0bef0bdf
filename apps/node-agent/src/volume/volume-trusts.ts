import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '@certfleet/shared/clock.ts';
import { caFileFingerprints } from '../crypto/certificate-chain.ts';
import type { IssuedCertificate } from '../crypto/certificate-chain.ts';
import { leadingPart } from '../crypto/ca-certificates.ts';
import { decodePrivateKey } from '../crypto/private-key.ts';
import type { Payload } from '../storage/payload.ts';
import type { VolumeTrust } from '../storage/volume-record.ts';
import { composeTrust } from './compose-trust.ts';
import type { AskTrust, TrustComponents } from './compose-trust.ts';
import { keystorePassword } from './keystore-password.ts';
import type { Volume } from './volume.ts';
import { volumePayload } from './volume-payload.ts';
import type { VolumeReporter } from './volume-reporter.ts';

export interface VolumeTrustsOptions {
  readonly ask: AskTrust;
  readonly reporter: Pick<VolumeReporter, 'trustUpdated'>;
  readonly clock: Clock;
}

/** The CA file of a certificate that is about to be published. */
export interface CertificateTrust {
  readonly caPem: string;
  /** Of the certificate's own CA. */
  readonly caFingerprintsSha256: readonly string[];
  /** Undefined without additional trust. */
  readonly trust: VolumeTrust | undefined;
}

/** Adds the certificates of other sources to the CA files of volumes. The caller holds the volume's lock. */
export class VolumeTrusts {
  readonly #options: VolumeTrustsOptions;

  constructor(options: VolumeTrustsOptions) {
    this.#options = options;
  }

  /** Whether a rotation has removed the trust in the CA of a certificate. */
  isRemoved(volume: Volume, { caFingerprintsSha256: own }: IssuedCertificate): boolean {
    const { excluded } = this.#options.ask(volume, own);
    return own.some((each) => excluded.has(each));
  }

  /** If the issuer returned no CA, the current one is kept. */
  compose(volume: Volume, certificate: IssuedCertificate): CertificateTrust {
    const readFile = caFileReader(volume);
    const own =
      certificate.caPem === ''
        ? presentCa(volume, readFile)
        : { pem: certificate.caPem, fingerprints: certificate.caFingerprintsSha256 };
    const { caPem, sources } = this.#compose(volume, own, readFile);
    const { fingerprintSha256: certificateSha256 } = certificate;
    const trust = { certificateSha256, ownCaFingerprints: own.fingerprints, sources };
    return { caPem, caFingerprintsSha256: own.fingerprints, trust: sources.length === 0 ? undefined : trust };
  }

  /**
   * Brings the volume's files in line with the sources; key and certificate stay the same. A repeated call changes
   * nothing.
   * @returns whether the files changed
   * @throws CertfleetError as Volume.trustChanged does; another call continues
   */
  async update(volume: Volume): Promise<boolean> {
    const { issued, trust: stored } = volume.record;
    if (issued === undefined || volume.isRemoving) return false;
    const own = issued.caFingerprintsSha256;
    // Most volumes have no additional trust: their files are not read.
    if (stored === undefined && this.#options.ask(volume, own).given.length === 0) return false;
    const payload = volume.store.readPayload(volume.volumeId);
    const { files } = volume.spec;
    if (!payload.has(files.certificate)) return false;
    const file = payload.get(files.ca)?.toString() ?? '';
    const { caPem, sources } = this.#compose(
      volume,
      presentCa(volume, () => file),
      () => file,
    );
    const trust = { certificateSha256: issued.fingerprintSha256, ownCaFingerprints: own, sources };
    if (caPem === file) {
      if (!isDeepStrictEqual(stored?.sources, sources)) volume.trustChanged(trust);
      return false;
    }
    volume.trustChanged(trust, await this.#payload(volume, payload, caPem));
    this.#options.reporter.trustUpdated(
      volume,
      sources.map(({ source }) => source),
    );
    return true;
  }

  #compose(volume: Volume, own: TrustComponents['own'], readFile: () => string): ReturnType<typeof composeTrust> {
    const answer = this.#options.ask(volume, own.fingerprints);
    return composeTrust({ own, stored: volume.record.trust, answer, readFile });
  }

  /** The current files with another CA file and with the stores that contain the CA. */
  async #payload(volume: Volume, current: Payload, caPem: string): Promise<Payload> {
    const { spec } = volume;
    const next = new Map(current).set(spec.files.ca, Buffer.from(caPem));
    const stores = [spec.pkcs12, spec.jks].flatMap((store) => [store?.keystoreFile, store?.truststoreFile]);
    const names = stores.filter((name) => name !== undefined);
    if (names.length === 0) return next;
    const key = decodePrivateKey(current.get(spec.files.privateKey)?.toString('latin1') ?? '');
    const certificatePem = current.get(spec.files.certificate)?.toString() ?? '';
    const built = await volumePayload(
      spec,
      { key, certificate: { certificatePem, caPem } },
      { passwordOf: (format) => keystorePassword(volume, format), now: new Date(this.#options.clock.now()) },
    );
    for (const name of names) {
      const content = built.get(name);
      if (content !== undefined) next.set(name, content);
    }
    return next;
  }
}

/** The certificate's own CA as the file contains it. */
function presentCa({ record: { issued } }: Volume, readFile: () => string): TrustComponents['own'] {
  const file = readFile();
  if (issued === undefined) return { pem: file, fingerprints: fingerprintsIn(file) };
  const fingerprints = issued.caFingerprintsSha256;
  return { pem: leadingPart(file, new Set(fingerprints)), fingerprints };
}

function fingerprintsIn(file: string): readonly string[] {
  try {
    return caFileFingerprints(file);
  } catch {
    return []; // Another driver wrote it.
  }
}

function caFileReader({ store, volumeId, spec }: Volume): () => string {
  let text: string | undefined;
  return () => (text ??= store.readPayload(volumeId).get(spec.files.ca)?.toString() ?? '');
}
