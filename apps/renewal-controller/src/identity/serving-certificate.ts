import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { experimental } from '@grpc/grpc-js';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';

/** A certificate chain and its key, PEM. */
export interface KeyPair {
  readonly certificate: Buffer;
  readonly privateKey: Buffer;
}

export interface ServingCertificateOptions {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly clock: Clock;
  readonly log: Logger;
}

type Listener = (pair: KeyPair) => void;

/**
 * The kubelet may need up to a minute to update a mounted Secret; another minute is short compared with the remaining
 * validity.
 */
const refreshMs = 60_000;

/**
 * The controller's serving certificate, reloaded every minute. A pair that does not match, for example during a
 * rotation, is ignored.
 */
export class ServingCertificate implements experimental.CertificateProvider {
  readonly #options: ServingCertificateOptions;
  readonly #listeners = new Set<Listener>();
  #pair: KeyPair;
  #cancelTimer: CancelTimer | undefined;
  #stopped = false;

  private constructor(options: ServingCertificateOptions, pair: KeyPair) {
    this.#options = options;
    this.#pair = pair;
    this.#arm();
  }

  /** @throws CertfleetError failed-precondition if there is no usable pair */
  static async open(options: ServingCertificateOptions): Promise<ServingCertificate> {
    return new ServingCertificate(options, await readPair(options));
  }

  get pair(): KeyPair {
    return this.#pair;
  }

  /** Calls the listener with each new pair. */
  onChange(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /** Reads the files and notifies the listeners of a changed pair. */
  async refresh(): Promise<void> {
    try {
      const pair = await readPair(this.#options);
      if (this.#stopped || isSame(pair, this.#pair)) return;
      this.#pair = pair;
      for (const listener of this.#listeners) listener(pair);
      this.#options.log.info('serving certificate reloaded');
    } catch (thrown) {
      this.#options.log.warn(
        { error: asCertfleetError(thrown).message },
        'cannot read serving certificate, keeping the current one',
      );
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#listeners.clear();
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#listeners.add(listener);
    // Asynchronous, as gRPC's own provider: the caller is not ready for a synchronous call.
    queueMicrotask(() => listener(this.#pair));
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#listeners.delete(listener);
  }

  addCaCertificateListener(): void {
    // Agents authenticate by token, so there is no CA for client certificates.
  }

  removeCaCertificateListener(): void {
    // No listener was added.
  }

  #arm(): void {
    if (this.#stopped) return;
    this.#cancelTimer = this.#options.clock.schedule(refreshMs, () => void this.refresh().then(() => this.#arm()));
  }
}

async function readPair({ certificateFile, keyFile }: ServingCertificateOptions): Promise<KeyPair> {
  try {
    const [certificate, privateKey] = await Promise.all([readFile(certificateFile), readFile(keyFile)]);
    createSecureContext({ cert: certificate, key: privateKey });
    return { certificate, privateKey };
  } catch (thrown) {
    // Messages of OpenSSL contain codes, never key material.
    const found = asCertfleetError(thrown).message;
    throw new CertfleetError('failed-precondition', `no usable certificate and key in ${certificateFile}: ${found}`);
  }
}

function isSame(a: KeyPair, b: KeyPair): boolean {
  return a.certificate.equals(b.certificate) && a.privateKey.equals(b.privateKey);
}

/** Opens the certificate that the flags name; undefined without one. */
export async function openServingCertificate(
  flags: Readonly<Record<'tls-cert-file' | 'tls-key-file', string | undefined>>,
  { clock, log }: Pick<ServingCertificateOptions, 'clock' | 'log'>,
): Promise<ServingCertificate | undefined> {
  const { 'tls-cert-file': certificateFile, 'tls-key-file': keyFile } = flags;
  if (certificateFile === undefined || keyFile === undefined) return undefined;
  return await ServingCertificate.open({ certificateFile, keyFile, clock, log });
}
