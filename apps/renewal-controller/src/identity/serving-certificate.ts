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

/** Where the pair lies and how it is followed. */
export interface ServingCertificateOptions {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly clock: Clock;
  readonly log: Logger;
}

type Listener = (pair: KeyPair) => void;

/** The kubelet needs up to a minute to swap a Secret's files; another one is far within what is left of a certificate. */
const refreshMs = 60_000;

/**
 * The certificate that the controller's servers show, read again each minute. A pair that does not fit together (it is
 * being replaced, or broken) never takes the place of one that does.
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

  /** @throws CertfleetError failed-precondition when there is no usable pair */
  static async open(options: ServingCertificateOptions): Promise<ServingCertificate> {
    return new ServingCertificate(options, await readPair(options));
  }

  get pair(): KeyPair {
    return this.#pair;
  }

  /** Calls back with each new pair. */
  onChange(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /** Reads the files; told to listeners when they hold another pair. */
  async refresh(): Promise<void> {
    try {
      const pair = await readPair(this.#options);
      if (this.#stopped || isSame(pair, this.#pair)) return;
      this.#pair = pair;
      for (const listener of this.#listeners) listener(pair);
      this.#options.log.info('serving certificate renewed');
    } catch (thrown) {
      this.#options.log.warn({ error: asCertfleetError(thrown).message }, 'serving certificate not read');
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#listeners.clear();
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#listeners.add(listener);
    // Later, as gRPC's own provider does: the caller is not yet prepared for the answer.
    queueMicrotask(() => listener(this.#pair));
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#listeners.delete(listener);
  }

  addCaCertificateListener(): void {
    // Agents prove themselves by token: no client certificates, no CA for them.
  }

  removeCaCertificateListener(): void {
    // None was added.
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
    // OpenSSL's messages hold codes, never key material.
    const found = asCertfleetError(thrown).message;
    throw new CertfleetError(
      'failed-precondition',
      `expected a certificate and its key in ${certificateFile}: ${found}`,
    );
  }
}

function isSame(a: KeyPair, b: KeyPair): boolean {
  return a.certificate.equals(b.certificate) && a.privateKey.equals(b.privateKey);
}
