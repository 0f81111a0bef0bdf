import type { Clock } from '@certfleet/shared/clock.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { CertificateIssuer, IssueRequest, IssuerResponse } from '../../issuance/certificate-issuer.ts';
import { LocalCaIssuer } from '../../issuance/local-ca-issuer.ts';
import type { LocalCa } from '../../issuance/local-ca.ts';

/** An issuer for tests: signs at once, unless it is told to fail or to let requests wait. */
export class ScriptedIssuer implements CertificateIssuer {
  readonly requests: IssueRequest[] = [];
  readonly discarded: string[] = [];
  /** Thrown by every request while it is set. */
  failure: CertfleetError | undefined;
  readonly #signer: LocalCaIssuer;
  #gate: PromiseWithResolvers<void> | undefined;

  constructor(ca: LocalCa, clock: Clock) {
    this.#signer = new LocalCaIssuer(ca, clock);
  }

  /** Lets requests wait from now on. */
  hold(): void {
    this.#gate = Promise.withResolvers();
  }

  /** Answers those that wait, and all later ones at once. */
  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  async issue(request: IssueRequest, signal: AbortSignal, onCreated?: () => void): Promise<IssuerResponse> {
    this.requests.push(request);
    onCreated?.();
    if (this.#gate !== undefined) await Promise.race([this.#gate.promise, abortion(signal)]);
    if (this.failure !== undefined) throw this.failure;
    return this.#signer.issue(request, signal);
  }

  discard(request: Pick<IssueRequest, 'requestName' | 'volumeId' | 'spec'>): Promise<void> {
    this.discarded.push(request.requestName);
    return this.#signer.discard(request);
  }

  stop(): Promise<void> {
    return this.#signer.stop();
  }
}

function abortion(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
