import type { AuditEntry } from '@certfleet/operator-api/audit.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { events as eventResource } from '@certfleet/shared/kube/api-resource.ts';
import type { IntentStore } from '../intent/intent-store.ts';
import type { EventSubject, IntentEvents } from '../kube/intent-events.ts';

/** An entry as it is stored. */
export interface StoredEntry extends Omit<AuditEntry, 'id'> {
  /** The same in every place that has the entry; absent in entries that were derived from objects. */
  readonly uid?: string;
}

/** An entry that Redis may have lost. */
export interface LastingEntry {
  readonly entry: StoredEntry;
  /** A text that the entry has in Redis, if it is still there. */
  readonly mark: string;
}

/** Where audit entries outlast Redis. */
export interface LastingAudit {
  /** Never waits and never fails. */
  record(entry: StoredEntry): void;
  /** Whatever can still be found, in order of time. */
  read(): Promise<readonly LastingEntry[]>;
}

export interface LastingAuditParts {
  readonly store: IntentStore;
  readonly events: IntentEvents;
  /** Undefined without Kubernetes: only the objects remain. */
  readonly client: Pick<KubeClient, 'request'> | undefined;
}

const annotation = 'certfleet.io/audit';
const reasons = { done: 'OperatorAction', refused: 'OperatorActionRefused' } as const;
const maxRead = 500;
const timeoutMs = 10_000;
const group = 'certfleet.io';

/**
 * Audit entries as Kubernetes Events, which the API server keeps for an hour by default, and what the objects of
 * operators say about who requested them, for as long as they exist.
 */
export function lastingAudit({ store, events, client }: LastingAuditParts): LastingAudit {
  return {
    record(entry) {
      const { who, action, target, outcome = 'done', reason, detail } = entry;
      const message = [`${who}: ${action} ${target}`, outcome === 'done' ? '' : outcome, reason, detail];
      events.write(subjectOf(entry), {
        type: outcome === 'done' ? 'Normal' : 'Warning',
        reason: outcome === 'refused' ? reasons.refused : reasons.done,
        message: message.filter((text) => text !== undefined && text !== '').join('; '),
        name: eventName(entry),
        annotations: { [annotation]: JSON.stringify(entry) },
      });
    },
    async read() {
      const written = client === undefined ? [] : await entriesOfEvents(client);
      const texts = written.map(({ entry }) => JSON.stringify(entry));
      const derived = entriesOfObjects(store).filter(({ mark }) => !texts.some((text) => text.includes(mark)));
      return [...written, ...derived].sort((a, b) => Date.parse(a.entry.at) - Date.parse(b.entry.at));
    },
  };
}

const kinds = { renewal: 'Renewal', rotation: 'CARotation' } as const;

/** The object that the Event of an entry is about: the Renewal or CARotation, else the definition of the kind. */
function subjectOf({ target, detail = '' }: StoredEntry): EventSubject {
  const named = /(?:^|; )(renewal|rotation) ([a-z0-9.-]{1,253})$/;
  const [, kind, object] = named.exec(target) ?? named.exec(detail) ?? [];
  if (kind !== undefined && object !== undefined)
    return {
      apiVersion: `${group}/v1alpha1`,
      kind: kinds[kind as keyof typeof kinds],
      metadata: { name: object },
    };
  const plural = target.startsWith('lane ') ? 'lanepolicies' : 'renewals';
  const name = `${plural}.${group}`;
  return { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name } };
}

async function entriesOfEvents(client: Pick<KubeClient, 'request'>): Promise<readonly LastingEntry[]> {
  const lists = await Promise.all(
    Object.values(reasons).map((reason) =>
      client.request({
        verb: 'list',
        resource: eventResource,
        namespace: 'default',
        query: { fieldSelector: `reason=${reason}`, limit: String(maxRead) },
        timeoutMs,
      }),
    ),
  );
  return lists.flatMap((list) =>
    ((list as { readonly items?: readonly RawEvent[] }).items ?? []).flatMap(entryOfEvent),
  );
}

interface RawEvent {
  readonly metadata?: { readonly name?: string; readonly annotations?: Readonly<Record<string, string>> };
}

function entryOfEvent({ metadata: { name = '', annotations } = {} }: RawEvent): readonly LastingEntry[] {
  const entry = parseEntry(annotations?.[annotation] ?? '');
  if (entry === undefined || name !== eventName(entry)) return [];
  return [{ entry, mark: `"uid":"${entry.uid ?? ''}"` }];
}

const eventName = ({ uid = '' }: StoredEntry): string => `certfleet-audit.${uid}`;

/** Others may write Events too, so the content is checked. */
function parseEntry(json: string): StoredEntry | undefined {
  try {
    const entry = JSON.parse(json) as StoredEntry;
    const texts: readonly unknown[] = [entry.uid, entry.at, entry.who, entry.action, entry.target];
    const isValid = texts.every((text) => typeof text === 'string' && text.length <= 1_024);
    return isValid && !Number.isNaN(Date.parse(entry.at)) ? entry : undefined;
  } catch {
    return undefined;
  }
}

function entriesOfObjects(store: IntentStore): readonly LastingEntry[] {
  const renewals = store.list('Renewal').flatMap(({ metadata: { name, creationTimestamp }, spec }): LastingEntry[] => {
    if (spec.requester === undefined) return [];
    const detail = `renewal ${name}`;
    const entry = { who: spec.requester, action: 'renew', target: detail, reason: spec.reason, detail } as const;
    return [{ entry: { ...entry, outcome: 'done', at: creationTimestamp }, mark: `renewal ${name}"` }];
  });
  const pauses = store.list('LanePolicy').flatMap(({ spec }): LastingEntry[] => {
    const { paused, pausedBy, pausedAt, pauseReason, issuers } = spec;
    if (paused !== true || pausedBy === undefined || pausedAt === undefined) return [];
    return issuers.map((key) => {
      const target = `lane ${key}`;
      const reason = pauseReason === undefined ? {} : { reason: pauseReason };
      const entry = { who: pausedBy, action: 'pause', target, ...reason, outcome: 'done', at: pausedAt } as const;
      return { entry, mark: `"action":"pause","target":${JSON.stringify(target)}` };
    });
  });
  return [...renewals, ...pauses];
}
