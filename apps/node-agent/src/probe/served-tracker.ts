import type { ProbeFailure, ServedState } from '@certfleet/fleet-model/vocabulary.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { ProbeResult } from './read-served-certificate.ts';

/** What the server of a pod was last seen to use. */
export interface ServedStatus {
  readonly state: ServedState;
  readonly since: Date;
  /** Why the state is unknown. */
  readonly failure?: ProbeFailure;
}

/** The certificate in a volume's files. */
export interface WrittenCertificate {
  readonly fingerprintSha256: string;
  readonly issuedAt: Date;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** How long a server may take to load a renewed certificate before it counts as not loaded; less if it lives shortly. */
export const loadTimeMs = 60_000;
const partOfLifetime = 1 / 10;

/** Probes without a certificate in a row after which the state is unknown: a server that restarts misses one or two. */
const failuresUntilUnknown = 3;

const firstDelayMs = 2_000;
/** Longest wait while a renewed certificate is not loaded, so that its reload shows soon. */
const maxWaitMs = 60_000;

/** Compares the certificate of one volume with what its pod was seen to serve. */
export class ServedTracker {
  readonly #clock: Clock;
  #certificate: WrittenCertificate;
  /** On the monotonic clock. */
  #writtenAtMs: number;
  #status: ServedStatus;
  #failures = 0;
  /** Probes since the certificate was written. */
  #probes = 0;

  constructor(certificate: WrittenCertificate, clock: Clock) {
    this.#clock = clock;
    this.#certificate = certificate;
    // A restarted agent gives the server no new time. Only this and no later decision uses the wall clock.
    const ageMs = clock.now() - certificate.issuedAt.getTime();
    this.#writtenAtMs = clock.monotonic() - Math.min(Math.max(0, ageMs), loadTimeMs);
    this.#status = { state: 'renewed', since: certificate.issuedAt };
  }

  get status(): ServedStatus {
    return this.#status;
  }

  get certificate(): WrittenCertificate {
    return this.#certificate;
  }

  /** Takes note of the volume's present certificate; returns whether it is a new one. */
  written(certificate: WrittenCertificate): boolean {
    if (certificate.fingerprintSha256 === this.#certificate.fingerprintSha256) return false;
    this.#certificate = certificate;
    this.#writtenAtMs = this.#clock.monotonic();
    this.#failures = 0;
    this.#probes = 0;
    // A server that missed one renewal does not get new time with each further one.
    if (this.#status.state !== 'not-loaded') this.#status = { state: 'renewed', since: certificate.issuedAt };
    return true;
  }

  /** Takes note of a probe of the present certificate; returns whether the state changed. */
  probed(result: ProbeResult): boolean {
    this.#probes += 1;
    const before = this.#status;
    this.#failures = 'failure' in result ? this.#failures + 1 : 0;
    if ('failure' in result) this.#status = this.#afterFailure(result.failure);
    else if (result.fingerprintSha256 === this.#certificate.fingerprintSha256) this.#status = this.#afterMatch();
    else this.#status = this.#afterMismatch();
    return before.state !== this.#status.state || before.failure !== this.#status.failure;
  }

  /** Takes note of a probe that could not be made; the next one is later. */
  missed(): void {
    this.#probes += 1;
  }

  /** Milliseconds until the next probe, given the interval of volumes in order. */
  nextDelayMs(intervalMs: number): number {
    const { state } = this.#status;
    if (state === 'served' && this.#failures === 0) return intervalMs;
    const maxDelayMs = state === 'unknown' ? intervalMs : Math.min(intervalMs, maxWaitMs);
    return Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(this.#probes, 20));
  }

  #afterMatch(): ServedStatus {
    if (this.#status.state === 'served') return this.#status;
    return { state: 'served', since: new Date(this.#clock.now()) };
  }

  #afterMismatch(): ServedStatus {
    const { state } = this.#status;
    if (state === 'not-loaded') return this.#status;
    const { issuedAt } = this.#certificate;
    if (!this.#hadTimeToLoad) return { state: 'renewed', since: issuedAt };
    // A server that went back to another certificate has used the present one until now.
    return { state: 'not-loaded', since: state === 'served' ? new Date(this.#clock.now()) : issuedAt };
  }

  #afterFailure(failure: ProbeFailure): ServedStatus {
    const { state, since } = this.#status;
    if (state === 'unknown') return { state, since, failure };
    if (this.#failures < failuresUntilUnknown) return this.#status;
    return { state: 'unknown', since: new Date(this.#clock.now()), failure };
  }

  get #hadTimeToLoad(): boolean {
    const { notBefore, notAfter } = this.#certificate;
    const lifetimeMs = notAfter.getTime() - notBefore.getTime();
    return this.#clock.monotonic() - this.#writtenAtMs >= Math.min(loadTimeMs, lifetimeMs * partOfLifetime);
  }
}
