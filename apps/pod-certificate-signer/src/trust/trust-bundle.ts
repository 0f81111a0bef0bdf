import { X509Certificate } from 'node:crypto';
import type { ObjectMeta } from '@certfleet/shared/kube/api-resource.ts';
import { encodePem, parsePem } from '@certfleet/shared/x509/pem.ts';
import { lifetimeBounds } from '../kind/pod-certificate-signer-kind.ts';

/** A ClusterTrustBundle of the API server. */
export interface StoredBundle {
  readonly resourceVersion: string;
  readonly anchors: readonly X509Certificate[];
  /** By fingerprint: when no certificate of the CA can be valid any more. */
  readonly neededUntil: Readonly<Record<string, string>>;
}

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

const neededUntilAnnotation = 'certfleet.io/needed-until';
const hourMs = 3_600_000;
/** Far below the megabyte that the API allows. */
const maxAnchors = 64;

/** The name of the bundle of a signer name: Kubernetes requires the prefix. */
export function bundleName(signerName: string): string {
  return `${signerName.replace('/', ':')}:certfleet`;
}

/** Reads an object of the API server. Throws if a certificate in it cannot be read: it must not be lost. */
export function parseBundle(raw: unknown): StoredBundle {
  const { metadata, spec } = (raw ?? {}) as {
    readonly metadata?: ObjectMeta;
    readonly spec?: { readonly trustBundle?: string };
  };
  return {
    resourceVersion: metadata?.resourceVersion ?? '',
    anchors: parsePem(spec?.trustBundle ?? '').map(({ der }) => new X509Certificate(der)),
    neededUntil: timesIn(metadata?.annotations?.[neededUntilAnnotation]),
  };
}

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

function timesIn(annotation: string | undefined): Readonly<Record<string, string>> {
  try {
    const value: unknown = JSON.parse(annotation ?? '{}');
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  } catch {
    return {};
  }
}

function isSame(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

const textOf = (ms: number): string => new Date(ms).toISOString();

const pemOf = (anchors: readonly X509Certificate[]): string =>
  anchors.map(({ raw }) => encodePem('CERTIFICATE', raw)).join('');
