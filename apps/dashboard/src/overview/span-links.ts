import { defaultLanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { volumesHref } from '../routing/route.ts';
import type { TimelineSpan } from './timeline-spans.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

/** A filter of the table of volumes. */
type Filter = Readonly<Record<string, string>>;

/**
 * The volumes whose renewals are planned in a span, and others: a lane plans them up to its jitter before renew-at, the
 * only one of both times that the table can be filtered by.
 */
export const dueHref = (fromMs: number, stepMs: number, filter: Filter = {}): string => {
  const toMs = fromMs + stepMs + defaultLanePolicy.maxJitterMs;
  return volumesHref({ ...filter, renewsAfter: iso(fromMs), renewsBefore: iso(toMs) });
};

/** The volumes whose certificates were issued in a span. */
export const issuedHref = (fromMs: number, stepMs: number, filter: Filter = {}): string =>
  volumesHref({ ...filter, issuedAfter: iso(fromMs), issuedBefore: iso(fromMs + stepMs) });

/** What is behind the bars of a span; of the current one, what is still due. Undefined if there are no volumes. */
export function spanHref({ fromMs, renewed, due }: TimelineSpan, stepMs: number, filter: Filter): string | undefined {
  if (due) return dueHref(fromMs, stepMs, filter);
  return renewed ? issuedHref(fromMs, stepMs, filter) : undefined;
}

/** The volumes whose certificates expire in a span. @param to undefined for the last span */
export const expiryHref = (from: string, to: string | undefined): string =>
  volumesHref({ expiresAfter: from, ...(to !== undefined && { expiresBefore: to }), sort: 'expires' });
