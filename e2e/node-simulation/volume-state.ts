import type { IssuerPlan } from './issuers.ts';
import type { VolumePlan } from './scenario.ts';

/** A leaky bucket: what happens too often overflows it. */
export class Allowance {
  readonly #capacity: number;
  #level = 0;
  #atMs = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Counts one more; each is forgotten after `everyMs`. Returns whether that is too many. */
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

/** What the rules know of one volume. */
export class VolumeState {
  readonly plan: VolumePlan;
  readonly issuer: IssuerPlan;
  readonly signatures = new Allowance(120);
  readonly requests = new Allowance(120);
  /** The lifetime that it is granted. */
  readonly lifetimeMs: number;
  /** Since when nothing hinders its renewal. */
  clearSinceMs = 0;
  /** Whether its issuer refused a request of it for good. */
  hadTerminalFailure = false;
  /** Whether its issuer never looked at a request of it. */
  wasIgnored = false;
  /** Whether a file call failed since its last unpublish began. */
  hadFileFault = false;
  isRunning = false;
  /** Whether its pod has seen a whole set of files; only then may none be missing. */
  wasComplete = false;
  runningSinceMs = 0;
  /** The password of its keystore that the pod has seen. */
  keystorePassword: string | undefined;
  notAfterMs: number | undefined;
  requestsLeft = 0;

  constructor(plan: VolumePlan, issuer: IssuerPlan) {
    this.plan = plan;
    this.issuer = issuer;
    this.lifetimeMs = Math.min(plan.durationMs, issuer.maxLifetimeMs);
  }

  /** Something hinders it until a time. */
  disturb(untilMs: number): void {
    this.clearSinceMs = Math.max(this.clearSinceMs, untilMs);
  }

  /** The time between the renewal and the end of a certificate, as far as its attributes leave it. */
  get slackMs(): number {
    const before = this.plan.renewBeforeMs;
    const isUsable = before !== undefined && before > 0 && before < this.lifetimeMs;
    return isUsable ? Math.min(before, this.lifetimeMs / 3) : this.lifetimeMs / 3;
  }

  /** Whether issuer and approver answer fast enough for its lifetime. */
  get isServed(): boolean {
    const answerMs = this.plan.approvalMs + 2 * this.issuer.latencyMs + 40;
    return answerMs <= this.slackMs / 20;
  }

  /** How long nothing may have hindered it with its certificate expired: "a reasonable part of the lifetime". */
  patienceMs(expiredForMs: number): number {
    const answerMs = 2 * this.plan.approvalMs + 3 * minute;
    if (!this.hadTerminalFailure) return Math.min(this.lifetimeMs / 3, hour) + answerMs;
    // What was refused for good waits longer, the longer the certificate has been expired.
    return Math.min(Math.max(this.lifetimeMs / 2, expiredForMs / 7), 36 * hour) + answerMs;
  }

  /** How long nothing may have hindered it with its pod still waiting for it. */
  get mountPatienceMs(): number {
    return this.hadTerminalFailure || this.wasIgnored ? 40 * hour : 6 * minute;
  }

  /** The minimum interval between two automatic issuances, besides those that the allowance holds. */
  get signatureEveryMs(): number {
    return Math.max(second, Math.min(this.lifetimeMs / 50, hour));
  }

  /** One request in this time, besides those that the allowance holds. */
  get requestEveryMs(): number {
    return Math.max(second, Math.min(this.lifetimeMs / 50, hour));
  }
}
