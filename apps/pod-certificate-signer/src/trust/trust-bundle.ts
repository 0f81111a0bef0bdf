import type { X509Certificate } from 'node:crypto';
import { neededUntilAnnotation } from '@certfleet/shared/kube/signer-trust-bundle.ts';
import type { StoredBundle } from '@certfleet/shared/kube/signer-trust-bundle.ts';
import { encodePem } from '@certfleet/shared/x509/pem.ts';
import { lifetimeBounds } from '../kind/pod-certificate-signer-kind.ts';

/** What a ClusterTrustBundle should contain. */
export interface WantedBundle {
  readonly trustBundle: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** Whether a stored CA is not in it. */
  readonly removes: boolean;
}

export interface BundleFacts {
  /** The CAs that verifiers must trust now. */
  readonly current: readonly X509Certificate[];
  /** Undefined if there is no bundle yet. */
  readonly stored: StoredBundle | undefined;
  readonly maxLifetimeSeconds: number;
  readonly nowMs: number;
}

const hourMs = 3_600_000;
/** Far below the megabyte that the API allows. */
const maxAnchors = 64;

/**
 * The bundle with the current CAs and with the earlier ones of which a valid certificate may exist; undefined if the stored
 * one is right. Until when a CA is needed is written ahead: it covers each certificate that is signed before the next write.
 */
export function wantedBundle(facts: BundleFacts): WantedBundle | undefined {
  const { current, stored, nowMs } = facts;
  const needed = new Map<string, Needed>();
  for (const anchor of stored?.anchors ?? [])
    needed.set(anchor.fingerprint256, { anchor, untilMs: retired(anchor, facts) });
  for (const anchor of current) needed.set(anchor.fingerprint256, { anchor, untilMs: signing(anchor, facts) });
  const kept = [...needed.values()]
    .filter(({ untilMs }) => untilMs > nowMs)
    .sort((a, b) => b.untilMs - a.untilMs)
    .slice(0, maxAnchors)
    .sort((a, b) => (a.anchor.fingerprint256 < b.anchor.fingerprint256 ? -1 : 1));
  // A bundle must not be empty. If all CAs have expired, the bundle does no harm.
  if (kept.length === 0) return undefined;
  const neededUntil = Object.fromEntries(kept.map(({ anchor, untilMs }) => [anchor.fingerprint256, textOf(untilMs)]));
  const trustBundle = pemOf(kept.map(({ anchor }) => anchor));
  if (stored !== undefined && trustBundle === pemOf(stored.anchors) && isSame(neededUntil, stored.neededUntil))
    return undefined;
  const removes = (stored?.anchors ?? []).some(({ fingerprint256 }) => !Object.hasOwn(neededUntil, fingerprint256));
  return { trustBundle, annotations: { [neededUntilAnnotation]: JSON.stringify(neededUntil) }, removes };
}

interface Needed {
  readonly anchor: X509Certificate;
  readonly untilMs: number;
}

/** Of a CA that signs: the end of the certificates that it may sign before the next write. */
function signing(anchor: X509Certificate, { stored, maxLifetimeSeconds, nowMs }: BundleFacts): number {
  const lifetimeMs = maxLifetimeSeconds * 1000;
  const aheadMs = Math.max(hourMs, lifetimeMs / 10);
  const endMs = anchor.validToDate.getTime();
  const writtenMs = storedUntil(anchor, stored) ?? 0;
  if (writtenMs >= Math.min(endMs, nowMs + lifetimeMs + aheadMs / 2)) return writtenMs;
  return Math.min(endMs, nowMs + lifetimeMs + aheadMs);
}

/** Of a CA that signs no more; the maximum of the API if nothing is written, such as for a CA that an administrator added. */
function retired(anchor: X509Certificate, { stored, nowMs }: BundleFacts): number {
  const untilMs = storedUntil(anchor, stored) ?? nowMs + lifetimeBounds.maxSeconds * 1000;
  return Math.min(anchor.validToDate.getTime(), untilMs);
}

function storedUntil({ fingerprint256 }: X509Certificate, stored: StoredBundle | undefined): number | undefined {
  const text =
    stored !== undefined && Object.hasOwn(stored.neededUntil, fingerprint256)
      ? stored.neededUntil[fingerprint256]
      : undefined;
  const untilMs = Date.parse(text ?? '');
  return Number.isFinite(untilMs) ? untilMs : undefined;
}

function isSame(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

const textOf = (ms: number): string => new Date(ms).toISOString();

const pemOf = (anchors: readonly X509Certificate[]): string =>
  anchors.map(({ raw }) => encodePem('CERTIFICATE', raw)).join('');
