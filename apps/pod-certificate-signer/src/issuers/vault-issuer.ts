import type { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { encodePem } from '@certfleet/shared/x509/pem.ts';
import type { CertificateOrder } from '../policy/decide.ts';
import type { VaultSpec } from '../policy/signer-policy.ts';
import { checkedChain } from './check-chain.ts';
import type { IssuedChain, Issuer } from './issuer.ts';
import { readCaCertificates, topOfChain } from './trust-anchors.ts';
import { callVault } from './vault-client.ts';
import type { VaultCall } from './vault-client.ts';

export interface VaultIssuerOptions {
  readonly clock: Clock;
  readonly spec: VaultSpec;
  /** File of the ServiceAccount token that proves the signer to Vault. */
  readonly tokenFile: string;
  /** CAs of the server as PEM; undefined for those of the system. */
  readonly readCa: () => Promise<string | undefined>;
}

interface Login {
  readonly token: string;
  readonly untilMs: number;
}

/** Vault's default not_before_duration: the certificate begins that much earlier, and its lifetime includes it. */
const backdateSeconds = 30;
/** A token is used for this part of its lease. */
const usedPart = 2 / 3;
const maxLeaseSeconds = 86_400;

/** Signs by the `sign` endpoint of a PKI engine of Vault or OpenBao; names are parameters beside the request. */
export class VaultIssuer implements Issuer {
  readonly #options: VaultIssuerOptions;
  #login: Login | undefined;
  #loggingIn: Promise<Login> | undefined;
  /** Of the last certificate. */
  #anchors: readonly X509Certificate[] = [];

  constructor(options: VaultIssuerOptions) {
    this.#options = options;
  }

  async sign(order: CertificateOrder, signal: AbortSignal): Promise<IssuedChain> {
    const { spec } = this.#options;
    const { stubRequest } = order.key;
    if (stubRequest === undefined)
      throw new CertfleetError(
        'failed-precondition',
        'Vault needs a PKCS#10 request: expected Kubernetes 1.36 or later',
      );
    const { token } = await this.#currentLogin(signal);
    try {
      const response = await this.#call({ path: spec.path, token, body: parametersOf(order, stubRequest) }, signal);
      const chain = checkedChain(chainIn(response), order);
      this.#anchors = anchorsIn(chain.certificateChain);
      return chain;
    } catch (thrown) {
      const error = asCertfleetError(thrown);
      // The token may have been revoked; the next attempt logs in again.
      if (error.code === 'permission-denied') this.#login = undefined;
      throw error;
    }
  }

  /** Known once it has signed: Vault decides with each certificate which of its CAs signs. */
  trustAnchors(): Promise<readonly X509Certificate[]> {
    return Promise.resolve(this.#anchors);
  }

  async #currentLogin(signal: AbortSignal): Promise<Login> {
    if (this.#login !== undefined && this.#options.clock.monotonic() < this.#login.untilMs) return this.#login;
    this.#loggingIn ??= this.#logIn(signal).finally(() => (this.#loggingIn = undefined));
    return await this.#loggingIn;
  }

  async #logIn(signal: AbortSignal): Promise<Login> {
    const { spec, clock, tokenFile } = this.#options;
    const startedMs = clock.monotonic();
    const jwt = (await readFile(tokenFile, 'utf8')).trim();
    const path = `auth/${spec.authMount ?? 'kubernetes'}/login`;
    const { auth } = (await this.#call({ path, body: { role: spec.role, jwt } }, signal)) as {
      readonly auth?: { readonly client_token?: unknown; readonly lease_duration?: unknown };
    };
    if (typeof auth?.client_token !== 'string' || typeof auth.lease_duration !== 'number')
      throw new CertfleetError('unavailable', 'the response to the login has no token');
    const leaseSeconds = Math.min(maxLeaseSeconds, auth.lease_duration);
    this.#login = { token: auth.client_token, untilMs: startedMs + leaseSeconds * 1000 * usedPart };
    return this.#login;
  }

  async #call(call: Pick<VaultCall, 'path' | 'token' | 'body'>, signal: AbortSignal): Promise<unknown> {
    const { spec, clock, readCa } = this.#options;
    const { server, namespace } = spec;
    return await callVault({ server, namespace, ca: await readCa(), ...call }, clock, signal);
  }
}

function parametersOf({ names, lifetimeSeconds }: CertificateOrder, stubRequest: Buffer): object {
  return {
    csr: encodePem('CERTIFICATE REQUEST', stubRequest),
    ...(names.commonName !== undefined && { common_name: names.commonName }),
    alt_names: names.dnsNames.join(','),
    uri_sans: names.uris.join(','),
    exclude_cn_from_sans: true,
    ttl: `${lifetimeSeconds - backdateSeconds}s`,
    format: 'pem',
  };
}

/** The certificate and its CAs, as far as they are in the response. */
function chainIn(response: unknown): string {
  const { data } = response as { readonly data?: { readonly certificate?: unknown; readonly ca_chain?: unknown } };
  if (typeof data?.certificate !== 'string') throw new CertfleetError('unavailable', 'the response has no certificate');
  const chain = Array.isArray(data.ca_chain) ? data.ca_chain.filter((each) => typeof each === 'string') : [];
  return [data.certificate, ...chain].join('\n');
}

/** The CA at the top of a chain; none if the response has no CAs. */
function anchorsIn(chain: string): readonly X509Certificate[] {
  const [ca, ...above] = readCaCertificates(chain);
  return ca === undefined ? [] : [topOfChain(ca, above)];
}
