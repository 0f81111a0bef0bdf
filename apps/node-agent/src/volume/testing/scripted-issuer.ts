import type { Clock } from '@certfleet/shared/clock.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { CertificateIssuer, IssueRequest, IssuerResponse } from '../../issuance/certificate-issuer.ts';
import { LocalCaIssuer } from '../../issuance/local-ca-issuer.ts';
import type { LocalCa } from '../../issuance/local-ca.ts';

/** An issuer for tests: signs at once, unless it is told to fail, to let requests wait, or to sign otherwise. */
export class ScriptedIssuer implements CertificateIssuer {
  readonly requests: IssueRequest[] = [];
  readonly discarded: string[] = [];
  /** Thrown by every request while it is set. */
  failure: CertfleetError | undefined;
  /** How far before its time a certificate begins. */
  backdateMs = 0;
  /** The lifetime granted, from not-before on; undefined grants what is asked for. */
  grantedMs: number | undefined;
  /** How far the issuer's clock is ahead. */
  signerAheadMs = 0;
  sendsCa = true;
  /** Requests that are never answered. */
  unanswered: (requestName: string) => boolean = () => false;
  readonly #signer: LocalCaIssuer;
  #gate: PromiseWithResolvers<void> | undefined;

  constructor(ca: LocalCa, clock: Clock) {
    const now = (): number => clock.now() + this.signerAheadMs - this.backdateMs;
    this.#signer = new LocalCaIssuer(ca, { ...clock, now, monotonic: () => 0, schedule: () => () => undefined });
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
    if (this.unanswered(request.requestName)) await abortion(signal);
    if (this.failure !== undefined) throw this.failure;
    const spec = { ...request.spec, durationMs: this.grantedMs ?? request.spec.durationMs };
    const response = await this.#signer.issue({ ...request, spec }, signal);
    return this.sendsCa ? response : { ...response, caPem: '' };
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
