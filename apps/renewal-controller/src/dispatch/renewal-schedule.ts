import { latestStartMs } from '@certfleet/shared/certificate-times.ts';
import { backoffMs, minimumIntervalMs, terminalBackoffMs, transientBackoff } from '@certfleet/shared/renewal-policy.ts';
import type { IndexedCertificate, IndexedVolume } from '../fleet-index/indexed-volume.ts';
import type { Lane } from '../lanes/lane-policies.ts';
import type { RenewalWindows } from '../lanes/renewal-windows.ts';
import { shortHash } from '../redis/redis-keys.ts';

/** When a renewal is wanted and how it ranks. */
export interface RenewalTimes {
  readonly dueAtMs: number;
  /** A renewal that starts later than this may come too late: windows do not hold it, and it goes before its line. */
  readonly latestStartMs: number;
  /** BullMQ's priority, 1 to 2^21: the least first. */
  readonly priority: number;
}

/** No volume is renewed for a window's sake before this part of its certificate's lifetime is over. */
const earliestPart = 1 / 3;
const minRetryMs = 1_000;

/** Failures that the same request would meet again. */
const finalRefusals: ReadonlySet<string> = new Set(['RequestDenied', 'RequestFailed', 'InvalidCertificate']);

/**
 * When the volume's next renewal is to be sent; undefined while it has no certificate that could be renewed. After a
 * failure the wait counts from `nowMs`, the time at which the report of it is acted on: the time that an agent gives to
 * its failure is that of the agent's clock.
 */
export function renewalTimes(volume: IndexedVolume, lane: Lane, nowMs: number): RenewalTimes | undefined {
  const { certificate, failure } = volume;
  if (certificate === undefined) return undefined;
  const dueAtMs =
    failure === undefined ? regularDueAtMs(certificate, lane, shareOf(volume)) : nowMs + retryDelayMs(volume, nowMs);
  return {
    dueAtMs,
    latestStartMs: latestStartMs(certificate),
    priority: priorityOf(lane, certificate.notAfterMs - dueAtMs),
  };
}

/**
 * Renew-at, or somewhat before it: equal certificates are spread over the jitter's span, each always at the same place
 * of it. Never after renew-at: there the agent's own deadline begins to run, and what is left of it is for the line.
 */
function regularDueAtMs(certificate: IndexedCertificate, { policy, windows }: Lane, share: number): number {
  const { notBeforeMs, notAfterMs, renewAtMs, issuedAtMs } = certificate;
  const lifetimeMs = notAfterMs - notBeforeMs;
  const spanMs = Math.min(policy.jitter * lifetimeMs, policy.maxJitterMs, (renewAtMs - issuedAtMs) / 2);
  const dueAtMs = Math.round(renewAtMs - share * Math.max(0, spanMs));
  return inWindow(windows, dueAtMs, { earliestMs: issuedAtMs + lifetimeMs * earliestPart, share });
}

/**
 * A time outside the windows moves back into the window before it: what is renewed early is not missed if the next one
 * is. Without one the time stays, and the lane decides whether the volume can wait.
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
 * For how many milliseconds no automatic renewal of a volume starts after a report: after an issuance the minimum between
 * two, after a failure the back-off. 0 for a volume without a certificate, which only its mount issues.
 */
export function cooldownAfterMs(volume: IndexedVolume, nowMs: number): number {
  const { certificate, failure } = volume;
  if (certificate === undefined) return 0;
  if (failure === undefined) return minimumIntervalMs(certificate.notAfterMs - certificate.notBeforeMs);
  // A little less than the delay of the job, which a replica's clock measures.
  return retryDelayMs(volume, nowMs) * 0.9;
}

/** Grows with every failure, is spread, and never takes more than a quarter of what is left of the certificate. */
function retryDelayMs(volume: IndexedVolume, nowMs: number): number {
  const { certificate, failure } = volume;
  if (certificate === undefined || failure === undefined) return 0;
  const leftMs = certificate.notAfterMs - nowMs;
  const share = (): number => shareOf(volume);
  if (finalRefusals.has(failure.reason)) return Math.round(terminalBackoffMs(failure.attempts, leftMs, share));
  const policy = transientBackoff(certificate.notAfterMs - certificate.notBeforeMs);
  const waitMs = backoffMs(policy, failure.attempts, share);
  // What has expired is not worth more attempts than what lives.
  return Math.round(leftMs > 0 ? Math.min(waitMs, Math.max(minRetryMs, leftMs / 4)) : waitMs);
}

const priorityBand = 200_000;

/** The lane's rank first, then the time left at the due date on a logarithmic scale: seconds count, and years fit. */
function priorityOf({ policy }: Lane, leftMs: number): number {
  const left = Math.round(Math.log2(1 + Math.max(0, leftMs) / 1000) * 5_000);
  return 1 + (9 - policy.priority) * priorityBand + Math.min(priorityBand - 1, left);
}

/** The volume's own place in every spread, from 0 to 1: always the same, and unlike its neighbour's. */
function shareOf({ node, volumeId }: IndexedVolume): number {
  return Number.parseInt(shortHash('share', node, volumeId).slice(0, 8), 16) / 0xffff_ffff;
}
