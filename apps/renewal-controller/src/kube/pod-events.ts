import type { PodEvents } from '@certfleet/operator-api/certificate.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { events } from '@certfleet/shared/kube/api-resource.ts';

/** The pod to query; both values come from an agent's report and are untrusted. */
interface EventfulPod {
  readonly namespace: string;
  readonly podUid: string;
}

/** Reads the events of a pod, the latest first. Never throws, because the page is useful without them. */
export type ReadPodEvents = (pod: EventfulPod) => Promise<PodEvents>;

/** The API server keeps events for an hour; a pod with more events than this repeats the same ones. */
const maxRead = 500;
const maxShown = 100;
const maxLengths = { text: 128, message: 1024 };

/** The displayed fields of a core/v1 Event. */
interface RawEvent {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly firstTimestamp?: string | null;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string };
  readonly metadata?: { readonly creationTimestamp?: string };
}

/** @param client undefined without Kubernetes */
export function podEventReader(client: Pick<KubeClient, 'request'> | undefined): ReadPodEvents {
  return async ({ namespace, podUid }) => {
    if (client === undefined) return unavailable('the controller runs without Kubernetes');
    // The values become a path and a field selector of the API server.
    if (!/^[a-z0-9-]{1,63}$/.test(namespace) || !/^[a-zA-Z0-9-]{1,64}$/.test(podUid)) {
      return unavailable('the node reported no valid pod');
    }
    try {
      const query = { fieldSelector: `involvedObject.uid=${podUid}`, limit: String(maxRead) };
      const list = await client.request({ verb: 'list', resource: events, namespace, query, timeoutMs: 5_000 });
      return { events: toEventDtos((list as { readonly items?: readonly RawEvent[] }).items ?? []) };
    } catch (thrown) {
      return unavailable(`cannot read events from the API server: ${asCertfleetError(thrown).message}`);
    }
  };
}

function unavailable(why: string): PodEvents {
  return { events: [], unavailable: why };
}

function toEventDtos(raw: readonly RawEvent[]): PodEvents['events'] {
  return raw
    .map(toEventDto)
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
    .slice(0, maxShown);
}

function toEventDto(event: RawEvent): PodEvents['events'][number] {
  const { type = '', reason = '', message = '' } = event;
  return {
    at: lastSeen(event),
    type: type.slice(0, maxLengths.text),
    reason: reason.slice(0, maxLengths.text),
    message: message.slice(0, maxLengths.message),
    // Events of the newer kind have their count in the series.
    count: event.series?.count ?? event.count ?? 1,
  };
}

function lastSeen({ series, lastTimestamp, eventTime, firstTimestamp, metadata }: RawEvent): string {
  const times = [series?.lastObservedTime, lastTimestamp, eventTime, firstTimestamp, metadata?.creationTimestamp];
  const [time = new Date(0).toISOString()] = times.filter((each) => each !== undefined && each !== null);
  return new Date(time).toISOString();
}
