/** An Event about a pod. */
export interface PodEvent {
  readonly type: 'Normal' | 'Warning';
  /** Camel case, from a fixed set: Issued, Renewed, RenewalFailed and so on. */
  readonly reason: string;
  readonly message: string;
  readonly pod: { readonly name: string; readonly namespace: string; readonly uid: string };
}

/** An Event and its repetitions, which are one object in the API. Times in milliseconds since the epoch. */
export interface EventSeries {
  readonly event: PodEvent;
  readonly firstSeen: number;
  lastSeen: number;
  /** On the monotonic clock, for intervals. */
  lastSeenMonotonicMs: number;
  count: number;
  /** The object's name, once it is written. */
  name: string | undefined;
}

/** Maximum length that the API accepts (core/v1 Event validation). */
const maxMessageBytes = 1024;

/** The core/v1 Event of a series. */
export function eventManifest(series: EventSeries, name: string, nodeName: string): unknown {
  const { event, firstSeen, lastSeen, count } = series;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: event.pod.namespace },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', ...event.pod },
    type: event.type,
    reason: event.reason,
    message: truncateUtf8(event.message, maxMessageBytes),
    count,
    // metav1.Time has seconds, but accepts fractions and drops them.
    firstTimestamp: new Date(firstSeen).toISOString(),
    lastTimestamp: new Date(lastSeen).toISOString(),
    source: { component: 'certfleet', host: nodeName },
    reportingComponent: 'certfleet',
    reportingInstance: nodeName,
  };
}

/** Truncates text to a number of UTF-8 bytes at a character boundary, with an ellipsis if something was cut. */
export function truncateUtf8(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= maxBytes) return text;
  const ellipsis = '…';
  let end = maxBytes - Buffer.byteLength(ellipsis);
  // Continuation bytes are 10xxxxxx; any other byte begins a character.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end) + ellipsis;
}
