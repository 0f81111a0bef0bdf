import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import {
  authorityKeyIdentifierExtension,
  signCertificate,
  subjectKeyIdentifierExtension,
} from '../crypto/certificate-builder.ts';
import { readCertificateSigningRequest } from '../crypto/read-certificate-signing-request.ts';
import { basicConstraintsExtension, keyUsageExtensions } from '../crypto/x509-extensions.ts';
import type { CertificateIssuer, IssueRequest, IssuerResponse } from './certificate-issuer.ts';
import { randomSerialNumber } from './local-ca.ts';
import type { LocalCa } from './local-ca.ts';

/** Answers kept for requests that are resumed; about 3 KB each, the oldest go first. */
const maxAnswers = 512;

interface Answer {
  readonly csrPem: string;
  readonly response: IssuerResponse;
}

/** Signs requests in this process with a CA of the machine's own: the issuer where there is no cluster. */
export class LocalCaIssuer implements CertificateIssuer {
  readonly #ca: LocalCa;
  readonly #clock: Clock;
  readonly #answers = new Map<string, Answer>();
  #isStopped = false;

  constructor(ca: LocalCa, clock: Clock) {
    this.#ca = ca;
    this.#clock = clock;
  }

  /**
   * Signs the request; the same name and request again give the same certificate.
   * @throws CertfleetError already-exists when the name was used for another request; failed-precondition with reason
   *   RequestFailed when the request is malformed or not signed by its key; unavailable after stop()
   */
  async issue(request: IssueRequest, signal: AbortSignal, onCreated?: () => void): Promise<IssuerResponse> {
    signal.throwIfAborted();
    if (this.#isStopped)
      throw new CertfleetError('unavailable', 'expected a running local CA, found that it is stopped');
    const name = qualifiedName(request);
    onCreated?.();
    const earlier = this.#answers.get(name);
    if (earlier !== undefined && earlier.csrPem !== request.csrPem) {
      throw new CertfleetError('already-exists', `expected request ${name} to ask for this key, found another`, {
        reason: 'RequestStale',
      });
    }
    const response = earlier?.response ?? this.#sign(request);
    this.#remember(name, { csrPem: request.csrPem, response });
    return Promise.resolve(response);
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

  #sign({ csrPem, spec }: IssueRequest): IssuerResponse {
    const { subject, publicKey, subjectAltName } = readRequest(csrPem);
    const nowMs = this.#clock.now();
    // Certificates count whole seconds; a shorter lifetime would be over before it began.
    const notAfterMs = nowMs + Math.max(spec.durationMs, 1000);
    const template = {
      serialNumber: randomSerialNumber(),
      issuer: this.#ca.name,
      subject,
      notBefore: new Date(nowMs),
      notAfter: new Date(Math.min(notAfterMs, this.#ca.notAfter.getTime())),
      publicKey,
      extensions: [
        basicConstraintsExtension(spec.isCa),
        ...keyUsageExtensions(spec.keyUsages, spec.isCa),
        ...(subjectAltName === undefined ? [] : [subjectAltName]),
        subjectKeyIdentifierExtension(publicKey),
        authorityKeyIdentifierExtension(this.#ca.publicKey),
      ],
    };
    return { certificatePem: signCertificate(template, this.#ca.key), caPem: this.#ca.certificatePem };
  }

  #remember(name: string, answer: Answer): void {
    this.#answers.delete(name);
    this.#answers.set(name, answer);
    const oldest = this.#answers.keys().next();
    if (this.#answers.size > maxAnswers && oldest.done === false) this.#answers.delete(oldest.value);
  }
}

/** Requests live in their pod's namespace. */
function qualifiedName({ requestName, spec }: Pick<IssueRequest, 'requestName' | 'spec'>): string {
  return `${spec.pod.namespace}/${requestName}`;
}

function readRequest(csrPem: string): ReturnType<typeof readCertificateSigningRequest> {
  try {
    return readCertificateSigningRequest(csrPem);
  } catch (error) {
    const why = error instanceof CertfleetError ? error.message : 'malformed certificate signing request';
    throw new CertfleetError('failed-precondition', why, { reason: 'RequestFailed', cause: error });
  }
}
