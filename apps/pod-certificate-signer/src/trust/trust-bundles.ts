import type { X509Certificate } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { bundleName, readBundle } from '@certfleet/shared/kube/signer-trust-bundle.ts';
import type { ReadBundle } from '@certfleet/shared/kube/signer-trust-bundle.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { RepeatedWork } from '@certfleet/shared/repeated-work.ts';
import type { SignerPolicy } from '../policy/signer-policy.ts';
import { wantedBundle } from './trust-bundle.ts';
import type { WantedBundle } from './trust-bundle.ts';

/** A signer whose certificates are to be trusted. */
export interface TrustedSigner {
  readonly policy: Pick<SignerPolicy, 'name' | 'signerName' | 'maxLifetimeSeconds'>;
  trustAnchors(): Promise<readonly X509Certificate[]>;
}

export interface TrustBundlesOptions {
  readonly client: Pick<KubeClient, 'request'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** The signers of this replica; empty unless it leads. */
  readonly signers: () => readonly TrustedSigner[];
}

const intervalMs = 10_000;
const timeoutMs = 10_000;
/** As the API server allows it for the times of certificates. */
const maxDifferenceMs = 300_000;
const fieldManager = 'certfleet-pod-certificate-signer';

/** Keeps one ClusterTrustBundle for each signer name, with the CAs that verifiers of its certificates must trust. */
export class TrustBundles {
  readonly #options: TrustBundlesOptions;
  readonly #repeated: RepeatedWork;
  /** By PodCertificateSigner: the last failure. */
  readonly #failures = new Map<string, string>();

  constructor(options: TrustBundlesOptions) {
    this.#options = options;
    const { clock, log } = options;
    const failure = 'cannot maintain the trust bundles, retrying';
    this.#repeated = new RepeatedWork({ work: () => this.reconcile(), pauseMs: intervalMs, failure, clock, log });
  }

  start(): void {
    this.#repeated.start();
  }

  async stop(): Promise<void> {
    await this.#repeated.stop();
  }

  /** Writes the bundles that are not right; a failure of one does not affect the others. */
  async reconcile(): Promise<void> {
    for (const signer of this.#options.signers()) await this.#reconcileOne(signer);
  }

  async #reconcileOne(signer: TrustedSigner): Promise<void> {
    const { log, clock } = this.#options;
    const { name, signerName, maxLifetimeSeconds } = signer.policy;
    try {
      const current = await signer.trustAnchors();
      if (current.length > 0) {
        const { resource, stored } = await readBundle(this.#options.client, bundleName(signerName));
        const wanted = wantedBundle({ current, stored, maxLifetimeSeconds, nowMs: clock.now() });
        if (wanted !== undefined) await this.#write(signerName, wanted, { resource, stored });
      }
      this.#failures.delete(name);
    } catch (thrown) {
      const { message: error } = asCertfleetError(thrown);
      // Once per cause, not per attempt.
      if (this.#failures.get(name) !== error)
        log.warn({ signer: name, error }, 'cannot maintain the ClusterTrustBundle, retrying');
      this.#failures.set(name, error);
    }
  }

  async #write(signerName: string, wanted: WantedBundle, { resource, stored }: ReadBundle): Promise<void> {
    const { client, log } = this.#options;
    const name = bundleName(signerName);
    // With the version that was read, so that a concurrent change is not overwritten.
    const version = stored === undefined ? {} : { resourceVersion: stored.resourceVersion };
    const { trustBundle, annotations } = wanted;
    const body = {
      apiVersion: `${resource.group}/${resource.version}`,
      kind: 'ClusterTrustBundle',
      metadata: { name, annotations, ...version },
      spec: { signerName, trustBundle },
    };
    const query = { fieldManager, force: 'true' };
    const apply = { verb: 'apply', resource, name, timeoutMs, body } as const;
    if (wanted.removes) this.#checkClock(await client.request({ ...apply, query: { ...query, dryRun: 'All' } }));
    await client.request({ ...apply, query });
    log.info({ bundle: name }, 'ClusterTrustBundle written');
  }

  /**
   * A CA must not be removed because the clock of this node is wrong: the API server's must agree.
   * @param applied what the API server would store, with its time of the change
   * @throws CertfleetError failed-precondition if the clocks differ
   */
  #checkClock(applied: unknown): void {
    const { metadata } = (applied ?? {}) as { readonly metadata?: { readonly managedFields?: readonly FieldsEntry[] } };
    const time = metadata?.managedFields?.find(({ manager }) => manager === fieldManager)?.time;
    const differenceMs = Math.abs(Date.parse(time ?? '') - this.#options.clock.now());
    if (differenceMs <= maxDifferenceMs) return;
    throw new CertfleetError(
      'failed-precondition',
      `an earlier CA is not removed: expected the time of the API server within 5 minutes of this node's, found ${time ?? 'none'}`,
    );
  }
}

interface FieldsEntry {
  readonly manager?: string;
  readonly time?: string;
}
