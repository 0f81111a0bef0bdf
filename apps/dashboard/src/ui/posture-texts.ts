import { postureText } from '@certfleet/operator-api/english-texts.ts';
import type { PostureLimitFacts } from '@certfleet/operator-api/posture-limits.ts';
import type { PostureSummary } from '@certfleet/operator-api/summary.ts';
import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import { format, t } from '../messages/messages.ts';
import { parseLength, shortDuration } from '../time/relative-time.ts';

type Properties = Pick<VolumeRow, 'keyType' | 'posture' | 'lifetimeSeconds'>;

/** The key of a certificate, such as `RSA 2048` or `ECDSA P-256`. */
export function keyText({ keyType, posture }: Properties): string {
  const size = posture?.keyBits ?? posture?.curve ?? '';
  return keyType === 'ed25519' || size === '' ? keyType.toUpperCase() : `${keyType.toUpperCase()} ${size}`;
}

/** The granted lifetime, and the requested one if it differs by more than a minute. */
export function lifetimeText({ lifetimeSeconds, posture }: Properties): string {
  if (lifetimeSeconds === undefined) return '';
  const requested = posture?.requestedSeconds;
  const granted = shortDuration(lifetimeSeconds * 1000);
  if (requested === undefined || Math.abs(requested - lifetimeSeconds) <= 60) return granted;
  return t.volumes.requestedLifetime({ granted, requested: shortDuration(requested * 1000) });
}

/** Labels of a pod, such as `team=payments`. */
export function labelsText(labels: NonNullable<VolumeRow['labels']>): string {
  return format.list(Object.entries(labels).map(([key, value]) => `${key}=${value}`));
}

/** What a limit for certificates excludes. A controller of another release may send no facts, or know other limits. */
export function limitText(limit: PostureSummary['violations'][number]): string {
  const { kind, facts, text } = limit as Partial<PostureLimitFacts> & { readonly text: string };
  if (kind === undefined || facts === undefined || !Object.hasOwn(t.overview.posture.limits, kind)) return text;
  return postureText(withDuration(limit), t.overview.posture.limits);
}

function withDuration(limit: PostureLimitFacts): PostureLimitFacts {
  if (limit.kind !== 'lifetime') return limit;
  const { longest } = limit.facts;
  const lengthMs = parseLength(longest);
  return { kind: 'lifetime', facts: { longest: lengthMs === undefined ? longest : shortDuration(lengthMs) } };
}
