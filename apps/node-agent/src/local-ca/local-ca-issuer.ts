import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import {
  authorityKeyIdentifierExtension,
  randomSerialNumber,
  signCertificate,
  subjectKeyIdentifierExtension,
} from '@certfleet/shared/x509/certificate-builder.ts';
import { readCertificateSigningRequest } from '@certfleet/shared/x509/read-certificate-signing-request.ts';
import type { CertificateSigningRequestContents } from '@certfleet/shared/x509/read-certificate-signing-request.ts';
import { basicConstraintsExtension, keyUsageExtensions } from '@certfleet/shared/x509/x509-extensions.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { CertificateIssuer, IssueRequest, IssuerResponse } from '../issuance/certificate-issuer.ts';
import type { LocalCa } from './local-ca.ts';

/** Number of results kept for requests that are resumed; about 3 KB each, the oldest are dropped first. */
const maxAnswers = 512;

interface Answer {
  readonly information: Buffer;
  readonly response: IssuerResponse;
}

/** Signs requests in this process with a local CA: the issuer for use without a cluster. */
export class LocalCaIssuer implements CertificateIssuer {
  readonly #currentCa: () => Promise<LocalCa>;
  readonly #clock: Clock;
  readonly #answers = new Map<string, Answer>();
  #isStopped = false;

  /** @param currentCa if the CA can be replaced */
  constructor(ca: LocalCa, clock: Clock, currentCa?: () => Promise<LocalCa>) {
    this.#currentCa = currentCa ?? (() => Promise.resolve(ca));
    this.#clock = clock;
  }

  /**
   * Signs the request; the same name and request return the same certificate.
   * @throws CertfleetError already-exists with reason RequestStale if the name was used for a request with different
   * content; failed-precondition with reason RequestFailed if the request is malformed or its signature is invalid;
   * unavailable after stop(); failed-precondition if the CA was replaced by an invalid one
   */
  async issue(request: IssueRequest, signal: AbortSignal, onCreated?: () => void): Promise<IssuerResponse> {
    signal.throwIfAborted();
    if (this.#isStopped) {
      throw new CertfleetError('unavailable', 'the local CA is stopped');
    }
    const contents = readRequest(request.csrPem);
    const ca = await this.#currentCa();
    onCreated?.();
    const name = qualifiedName(request);
    const earlier = this.#answers.get(name);
    if (earlier !== undefined && !earlier.information.equals(contents.information)) {
      throw new CertfleetError('already-exists', `request ${name} exists and has different content`, {
        reason: 'RequestStale',
      });
    }
    const response = earlier?.response ?? this.#sign(ca, contents, request.spec);
    this.#remember(name, { information: contents.information, response });
    return response;
  }

  /** Its requests exist in memory only. */
  takeRequestsAtStart(): readonly string[] {
    return [];
  }

  discard(request: Pick<IssueRequest, 'requestName' | 'volumeId' | 'spec'>): Promise<void> {
    this.#answers.delete(qualifiedName(request));
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    this.#answers.clear();
    return Promise.resolve();
  }

  #sign(ca: LocalCa, contents: CertificateSigningRequestContents, spec: VolumeSpec): IssuerResponse {
    const { subject, publicKey, subjectAltName } = contents;
    const nowMs = this.#clock.now();
    // Certificates have whole seconds; a shorter lifetime would have passed already.
    const notAfterMs = nowMs + Math.max(spec.durationMs, 1000);
    const template = {
      serialNumber: randomSerialNumber(),
      issuer: ca.name,
      subject,
      notBefore: new Date(nowMs),
      notAfter: new Date(Math.min(notAfterMs, ca.notAfter.getTime())),
      publicKey,
      extensions: [
        basicConstraintsExtension(spec.isCa),
        ...keyUsageExtensions(spec.keyUsages, spec.isCa),
        ...(subjectAltName === undefined ? [] : [subjectAltName]),
        subjectKeyIdentifierExtension(publicKey),
        authorityKeyIdentifierExtension(ca.publicKey),
      ],
    };
    return { certificatePem: signCertificate(template, ca.key), caPem: ca.certificatePem };
  }

  #remember(name: string, answer: Answer): void {
    this.#answers.delete(name);
    this.#answers.set(name, answer);
    const oldest = this.#answers.keys().next();
    if (this.#answers.size > maxAnswers && oldest.done === false) this.#answers.delete(oldest.value);
  }
}

/** Requests belong to their pod's namespace. */
function qualifiedName({ requestName, spec }: Pick<IssueRequest, 'requestName' | 'spec'>): string {
  return `${spec.pod.namespace}/${requestName}`;
}

function readRequest(csrPem: string): CertificateSigningRequestContents {
  try {
    return readCertificateSigningRequest(csrPem);
  } catch (error) {
    const why = error instanceof CertfleetError ? error.message : 'malformed certificate signing request';
    throw new CertfleetError('failed-precondition', why, { reason: 'RequestFailed', cause: error });
  }
}
