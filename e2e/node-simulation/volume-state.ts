import type { IssuerPlan } from './issuers.ts';
import type { VolumePlan } from './scenario.ts';

/** A leaky bucket, which overflows when an event is too frequent. */
export class Allowance {
  readonly #capacity: number;
  #level = 0;
  #atMs = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Counts an event, which expires after `everyMs`. Returns whether the limit is exceeded. */
  exceeds(nowMs: number, everyMs: number): boolean {
    this.#level = Math.max(0, this.#level - (nowMs - this.#atMs) / everyMs) + 1;
    this.#atMs = nowMs;
    return this.#level > this.#capacity;
  }

  reset(): void {
    this.#level = 0;
  }
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** The state that the rules track per volume. */
export class VolumeState {
  readonly plan: VolumePlan;
  readonly issuer: IssuerPlan;
  readonly signatures = new Allowance(120);
  readonly requests = new Allowance(120);
  /** The granted lifetime. */
  readonly lifetimeMs: number;
  /** Since when nothing prevents its renewal. */
  clearSinceMs = 0;
  /** Whether its issuer finally refused one of its requests. */
  hadTerminalFailure = false;
  /** Whether its issuer ignored one of its requests. */
  wasIgnored = false;
  /** Whether a file call failed since the start of its last unpublish. */
  hadFileFault = false;
  isRunning = false;
  /** Whether its pod has seen a complete set of files; none may be missing afterwards. */
  wasComplete = false;
  runningSinceMs = 0;
  /** The keystore password that the pod has seen. */
  keystorePassword: string | undefined;
  notAfterMs: number | undefined;
  /** The present address of its pod, if its attributes use it. */
  address: string | undefined;
  /** The alternative names of the certificate that its pod sees. */
  names: string | undefined;
  requestsLeft = 0;

  constructor(plan: VolumePlan, issuer: IssuerPlan) {
    this.plan = plan;
    this.issuer = issuer;
    this.lifetimeMs = Math.min(plan.durationMs, issuer.maxLifetimeMs);
  }

  /** A fault affects it until a time. */
  disturb(untilMs: number): void {
    this.clearSinceMs = Math.max(this.clearSinceMs, untilMs);
  }

  /** The time between the renewal and the end of a certificate, as its attributes allow. */
  get slackMs(): number {
    const before = this.plan.renewBeforeMs;
    const isUsable = before !== undefined && before > 0 && before < this.lifetimeMs;
    return isUsable ? Math.min(before, this.lifetimeMs / 3) : this.lifetimeMs / 3;
  }

  /** Whether issuer and approver are fast enough for its lifetime. */
  get isServed(): boolean {
    const answerMs = this.plan.approvalMs + 2 * this.issuer.latencyMs + 40;
    return answerMs <= this.slackMs / 20;
  }

  /**
   * How long it may be without faults while its certificate is expired: a reasonable part of the lifetime.
   * @param expiredForMs undefined if its pod runs and has never had a certificate
   */
  patienceMs(expiredForMs: number | undefined): number {
    const answerMs = 2 * this.plan.approvalMs + 3 * minute;
    const regularMs = Math.min(this.lifetimeMs / 3, hour);
    if (expiredForMs === undefined) return Math.max(this.mountPatienceMs, regularMs + answerMs);
    if (!this.hadTerminalFailure) {
      // Requests that the issuer ignores are replaced at intervals that grow with the time since expiry.
      const replacementMs = Math.min(Math.max(2 * minute, expiredForMs / 4), 24 * hour);
      return Math.max(regularMs, this.wasIgnored ? replacementMs : 0) + answerMs;
    }
    // After a final refusal the wait grows with the time since expiry.
    return Math.min(Math.max(this.lifetimeMs / 2, expiredForMs / 7), 36 * hour) + answerMs;
  }

  /** How long it may be without faults while its pod still waits. */
  get mountPatienceMs(): number {
    return this.hadTerminalFailure || this.wasIgnored ? 40 * hour : 6 * minute;
  }

  /** The minimum interval between two automatic issuances beyond the allowance. */
  get signatureEveryMs(): number {
    return Math.max(second, Math.min(this.lifetimeMs / 50, hour));
  }

  /** The minimum interval between requests beyond the allowance. */
  get requestEveryMs(): number {
    return Math.max(second, Math.min(this.lifetimeMs / 50, hour));
  }
}
