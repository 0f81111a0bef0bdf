import { X509Certificate } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import { randomSerialNumber, signCertificate } from '@certfleet/shared/x509/certificate-builder.ts';
import { readCertificateSigningRequest } from '@certfleet/shared/x509/read-certificate-signing-request.ts';
import { subjectAltNameExtension } from '@certfleet/shared/x509/x509-extensions.ts';
import type { SubjectAltNames } from '@certfleet/shared/x509/x509-extensions.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { CertificateIssuer, IssueRequest, IssuerResponse } from '../../issuance/certificate-issuer.ts';
import { LocalCaIssuer } from '../../local-ca/local-ca-issuer.ts';
import type { LocalCa } from '../../local-ca/local-ca.ts';

/** An issuer for tests. It signs immediately unless the test makes it fail, hold requests or sign differently. */
export class ScriptedIssuer implements CertificateIssuer {
  readonly requests: IssueRequest[] = [];
  readonly discarded: string[] = [];
  /** Names of requests that a volume had when the agent started. */
  readonly atStart: string[] = [];
  /** Thrown by every request while it is set. */
  failure: CertfleetError | undefined;
  /** How long before the current time a certificate's validity begins, in milliseconds. */
  backdateMs = 0;
  /** The granted lifetime from not-before on, in milliseconds; undefined grants the requested one. */
  grantedMs: number | undefined;
  /** How far the issuer's clock is ahead, in milliseconds. */
  signerAheadMs = 0;
  sendsCa = true;
  /** Sent instead of the CA that signs. */
  otherCaPem: string | undefined;
  /** The same, by the name of a request. */
  readonly otherCaByRequest = new Map<string, string>();
  /** The alternative names of certificates, instead of those of their requests. */
  otherNames: SubjectAltNames | undefined;
  /** Requests that are never answered. */
  unanswered: (requestName: string) => boolean = () => false;
  readonly #ca: LocalCa;
  readonly #signer: LocalCaIssuer;
  #gate: PromiseWithResolvers<void> | undefined;

  constructor(ca: LocalCa, clock: Clock) {
    this.#ca = ca;
    const now = (): number => clock.now() + this.signerAheadMs - this.backdateMs;
    this.#signer = new LocalCaIssuer(ca, { ...clock, now, monotonic: () => 0, schedule: () => () => undefined });
  }

  /** The different names of the requests. */
  requestNames(): Set<string> {
    return new Set(this.requests.map(({ requestName }) => requestName));
  }

  /** Holds requests from now on. */
  hold(): void {
    this.#gate = Promise.withResolvers();
  }

  /** Answers the held requests, and all later ones immediately. */
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
    const signed = await this.#signer.issue({ ...request, spec }, signal);
    const response = this.otherNames === undefined ? signed : this.#rename(signed, request, this.otherNames);
    const caPem = this.otherCaByRequest.get(request.requestName) ?? this.otherCaPem ?? response.caPem;
    return { ...response, caPem: this.sendsCa ? caPem : '' };
  }

  /** The certificate with these names and without a subject. */
  #rename(signed: IssuerResponse, { csrPem }: IssueRequest, names: SubjectAltNames): IssuerResponse {
    const { validFromDate: notBefore, validToDate: notAfter } = new X509Certificate(signed.certificatePem);
    const template = {
      serialNumber: randomSerialNumber(),
      issuer: this.#ca.name,
      subject: Buffer.from([0x30, 0]),
      notBefore,
      notAfter,
      publicKey: readCertificateSigningRequest(csrPem).publicKey,
      extensions: subjectAltNameExtension(names, true),
    };
    return { ...signed, certificatePem: signCertificate(template, this.#ca.key) };
  }

  takeRequestsAtStart(): readonly string[] {
    return this.atStart.splice(0);
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
