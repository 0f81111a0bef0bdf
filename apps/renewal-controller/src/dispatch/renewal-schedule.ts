import { latestStartMs } from '@certfleet/fleet-model/certificate-times.ts';
import {
  backoffMs,
  minimumIntervalMs,
  terminalBackoffMs,
  transientBackoff,
} from '@certfleet/fleet-model/renewal-policy.ts';
import { isOneOf, refusedReasons } from '@certfleet/shared/error-reasons.ts';
import type { IndexedCertificate, IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { Lane } from '../lanes/lane-policies.ts';
import type { RenewalWindows } from '@certfleet/fleet-model/lanes/renewal-windows.ts';
import { shortHash } from '../redis/redis-keys.ts';

/** When a renewal is due, and its rank. */
export interface RenewalTimes {
  readonly dueAtMs: number;
  /** Before this time only a renewal starts that someone requests, also when an earlier attempt failed. */
  readonly earliestMs: number;
  /**
   * The latest start that is safe: a renewal that would start later ignores windows and goes to the front of the queue.
   */
  readonly latestStartMs: number;
  /** BullMQ's priority, 1 to 2^21; the lowest number first. */
  readonly priority: number;
}

/** A window never moves a renewal into the first part of the certificate's lifetime. */
const earliestPart = 1 / 3;
const minRetryMs = 1_000;

/**
 * When the volume's next renewal is due; undefined if it has no certificate that can be renewed. After a failure the
 * wait counts from `nowMs`, when the report is processed, because the reported time is that of the agent's clock.
 */
export function renewalTimes(volume: IndexedVolume, lane: Lane, nowMs: number): RenewalTimes | undefined {
  const { certificate, failure } = volume;
  if (certificate === undefined) return undefined;
  const earliestMs = regularDueAtMs(certificate, lane, shareOf(volume));
  const dueAtMs = failure === undefined ? earliestMs : nowMs + retryDelayMs(volume, nowMs);
  return {
    dueAtMs,
    earliestMs,
    latestStartMs: latestStartMs(certificate),
    priority: priorityOf(lane, certificate.notAfterMs - dueAtMs),
  };
}

/**
 * Renew-at or somewhat earlier: the jitter spreads equal certificates, each always by the same share. Never later than
 * renew-at, when the agent's fallback deadline starts to run: the time until then is reserved for the queue.
 */
function regularDueAtMs(certificate: IndexedCertificate, { policy, windows }: Lane, share: number): number {
  const { notBeforeMs, notAfterMs, renewAtMs, issuedAtMs } = certificate;
  const lifetimeMs = notAfterMs - notBeforeMs;
  const spanMs = Math.min(policy.jitter * lifetimeMs, policy.maxJitterMs, (renewAtMs - issuedAtMs) / 2);
  const dueAtMs = Math.round(renewAtMs - share * Math.max(0, spanMs));
  return inWindow(windows, dueAtMs, { earliestMs: issuedAtMs + lifetimeMs * earliestPart, share });
}

/**
 * Moves a time outside all windows into the preceding window, so that a missed window still leaves the next one.
 * Without one the time stays, and the lane decides whether the volume can wait.
 */
function inWindow(
  windows: RenewalWindows,
  dueAtMs: number,
  { earliestMs, share }: { readonly earliestMs: number; readonly share: number },
): number {
  if (windows.opensInMs(dueAtMs) === 0) return dueAtMs;
  const span = windows.lastBefore(dueAtMs, earliestMs);
  return span === undefined ? dueAtMs : Math.round(span.startMs + share * (span.endMs - span.startMs));
}

/**
 * For how many milliseconds no automatic renewal of a volume starts after a report: the minimum interval after an
 * issuance, the back-off after a failure. 0 for a volume without a certificate, which only its mount issues.
 */
export function cooldownAfterMs(volume: IndexedVolume, nowMs: number): number {
  const { certificate, failure } = volume;
  if (certificate === undefined) return 0;
  if (failure === undefined) return minimumIntervalMs(certificate.notAfterMs - certificate.notBeforeMs);
  // Slightly less than the delay of the job, which uses the replica's clock.
  return retryDelayMs(volume, nowMs) * 0.9;
}

/** Grows with every failure, is randomized, and is at most a quarter of the certificate's remaining lifetime. */
function retryDelayMs(volume: IndexedVolume, nowMs: number): number {
  const { certificate, failure } = volume;
  if (certificate === undefined || failure === undefined) return 0;
  const leftMs = certificate.notAfterMs - nowMs;
  const share = (): number => shareOf(volume);
  if (isOneOf(refusedReasons, failure.reason)) return Math.round(terminalBackoffMs(failure.attempts, leftMs, share));
  const policy = transientBackoff(certificate.notAfterMs - certificate.notBeforeMs);
  const waitMs = backoffMs(policy, failure.attempts, share);
  // An expired certificate is not retried faster than a valid one.
  return Math.round(leftMs > 0 ? Math.min(waitMs, Math.max(minRetryMs, leftMs / 4)) : waitMs);
}

const priorityBand = 200_000;

/**
 * The lane's priority first, then the time left at the due date on a logarithmic scale, which distinguishes seconds and
 * still fits years.
 */
function priorityOf({ policy }: Lane, leftMs: number): number {
  const left = Math.round(Math.log2(1 + Math.max(0, leftMs) / 1000) * 5_000);
  return 1 + (9 - policy.priority) * priorityBand + Math.min(priorityBand - 1, left);
}

/** The volume's fixed share of every spread, 0 to 1, derived from its key. */
function shareOf({ node, volumeId }: IndexedVolume): number {
  return Number.parseInt(shortHash('share', node, volumeId).slice(0, 8), 16) / 0xffff_ffff;
}
