import type { X509Certificate } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { CertificateOrder } from '../policy/decide.ts';
import type { IssuedChain, Issuer } from './issuer.ts';
import { readSecretCa, readTrustAnchors, signWithCa } from './secret-ca.ts';
import type { SecretCa } from './secret-ca.ts';
import { readSecret } from './read-secret.ts';

/** A replaced CA signs after this time at the latest. */
const refreshMs = 60_000;

export interface SecretIssuerOptions {
  readonly client: Pick<KubeClient, 'request'>;
  readonly clock: Clock;
  readonly namespace: string;
  readonly secretName: string;
}

/** Signs with the CA of a Secret, which it reads again every minute while it signs. */
export class SecretIssuer implements Issuer {
  readonly #options: SecretIssuerOptions;
  #ca: SecretCa | undefined;
  /** The entries with certificates. */
  #certificates: Readonly<Record<string, unknown>> = {};
  #readAtMs = -Infinity;
  #reading: Promise<SecretCa> | undefined;

  constructor(options: SecretIssuerOptions) {
    this.#options = options;
  }

  async sign(order: CertificateOrder): Promise<IssuedChain> {
    const ca = await this.#current();
    return signWithCa(ca, order, this.#options.clock.now());
  }

  async trustAnchors(): Promise<readonly X509Certificate[]> {
    await this.#current();
    return this.#named(() => readTrustAnchors(this.#certificates));
  }

  async #current(): Promise<SecretCa> {
    if (this.#ca !== undefined && this.#options.clock.monotonic() - this.#readAtMs < refreshMs) return this.#ca;
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return await this.#reading;
  }

  async #read(): Promise<SecretCa> {
    const { client, clock, namespace, secretName } = this.#options;
    this.#ca = undefined;
    return await this.#named(async () => {
      const data = await readSecret(client, namespace, secretName);
      this.#ca = readSecretCa(data);
      const { 'tls.crt': chain, 'ca.crt': additional } = data;
      this.#certificates = { 'tls.crt': chain, 'ca.crt': additional };
      this.#readAtMs = clock.monotonic();
      return this.#ca;
    });
  }

  /** Names the Secret in errors. */
  async #named<Result>(read: () => Result | Promise<Result>): Promise<Result> {
    try {
      return await read();
    } catch (thrown) {
      const { code, message } = asCertfleetError(thrown);
      const { namespace, secretName } = this.#options;
      throw new CertfleetError(code, `Secret ${namespace}/${secretName}: ${message}`, { retryable: true });
    }
  }
}
