import type { PodEvents } from '@certfleet/operator-api/certificate.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { events } from '@certfleet/shared/kube/api-resource.ts';

/** Whose events are meant; both are what a node's agent reported, which may be anything. */
interface EventfulPod {
  readonly namespace: string;
  readonly podUid: string;
}

/** Gives the events of a pod, the latest first; never throws, since a page without them is better than none. */
export type ReadPodEvents = (pod: EventfulPod) => Promise<PodEvents>;

/** The API server keeps events for an hour; a pod that makes more than this in it makes the same ones. */
const maxRead = 500;
const maxShown = 100;
const longest = { word: 128, message: 1024 };

/** An Event of core/v1, as far as it is shown. */
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
    // They become a path and a selector of the API server.
    if (!/^[a-z0-9-]{1,63}$/.test(namespace) || !/^[a-zA-Z0-9-]{1,64}$/.test(podUid)) {
      return unavailable('the node reported no pod that could be asked for');
    }
    try {
      const query = { fieldSelector: `involvedObject.uid=${podUid}`, limit: String(maxRead) };
      const list = await client.request({ verb: 'list', resource: events, namespace, query, timeoutMs: 5_000 });
      return { events: toEventDtos((list as { readonly items?: readonly RawEvent[] }).items ?? []) };
    } catch (thrown) {
      return unavailable(`the API server gives no events: ${asCertfleetError(thrown).message}`);
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
    type: type.slice(0, longest.word),
    reason: reason.slice(0, longest.word),
    message: message.slice(0, longest.message),
    // Events of the newer kind count in their series.
    count: event.series?.count ?? event.count ?? 1,
  };
}

function lastSeen({ series, lastTimestamp, eventTime, firstTimestamp, metadata }: RawEvent): string {
  const times = [series?.lastObservedTime, lastTimestamp, eventTime, firstTimestamp, metadata?.creationTimestamp];
  const [time = new Date(0).toISOString()] = times.filter((each) => each !== undefined && each !== null);
  return new Date(time).toISOString();
}
