import type { AuditEntry } from '@certfleet/operator-api/audit.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { events as eventResource } from '@certfleet/shared/kube/api-resource.ts';
import { listAll } from '@certfleet/shared/kube/list-all.ts';
import type { IntentStore } from '../intent/intent-store.ts';
import type { EventSubject, IntentEvents } from '../kube/intent-events.ts';
import { shortHash } from '../redis/redis-keys.ts';

/** An entry as it is stored. */
export interface StoredEntry extends Omit<AuditEntry, 'id'> {
  /** The same in every place that has the entry. */
  readonly uid: string;
}

/** Where audit entries outlast Redis. */
export interface LastingAudit {
  /** Never waits and never fails. */
  record(entry: StoredEntry): void;
  /** Whatever can still be found. */
  read(): Promise<readonly StoredEntry[]>;
}

export interface LastingAuditParts {
  readonly store: IntentStore;
  readonly events: IntentEvents;
  /** Undefined without Kubernetes: only the objects remain. */
  readonly client: Pick<KubeClient, 'request'> | undefined;
  /** Name of the cluster. */
  readonly cluster?: string | undefined;
}

const annotation = 'certfleet.io/audit';
const reasons = { done: 'OperatorAction', refused: 'OperatorActionRefused' } as const;
/** More than the controllers write while the API server keeps Events. */
const maxRead = 10_000;
const timeoutMs = 10_000;
const group = 'certfleet.io';

/**
 * Audit entries as Kubernetes Events, which the API server keeps for an hour by default, and what the objects of
 * operators say about who requested them, for as long as they exist.
 */
export function lastingAudit({ store, events, client, cluster }: LastingAuditParts): LastingAudit {
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
      return [...(client === undefined ? [] : await entriesOfEvents(client)), ...entriesOfObjects(store, cluster)];
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

async function entriesOfEvents(client: Pick<KubeClient, 'request'>): Promise<readonly StoredEntry[]> {
  const lists = await Promise.all(
    Object.values(reasons).map(async (reason) => {
      const request = { resource: eventResource, namespace: 'default', timeoutMs };
      const query = { fieldSelector: `reason=${reason}` };
      return (await listAll(client, { ...request, query }, entryOfEvent)).objects.slice(0, maxRead);
    }),
  );
  return lists.flat();
}

interface RawEvent {
  readonly metadata?: { readonly name?: string; readonly annotations?: Readonly<Record<string, string>> };
}

function entryOfEvent(raw: unknown): StoredEntry | undefined {
  const { metadata: { name = '', annotations } = {} } = raw as RawEvent;
  const entry = parseEntry(annotations?.[annotation] ?? '');
  return entry !== undefined && name === eventName(entry) ? entry : undefined;
}

const eventName = ({ uid }: StoredEntry): string => `certfleet-audit.${uid}`;

/** Of entries that are written as Events. */
const uidForm = /^[0-9a-f-]{1,64}$/;
/** Of entries that are derived from objects. */
const derivedPrefix = 'object-';

/** Whether an entry was derived from an object; it may exist already under another uid. */
export const isDerived = ({ uid }: StoredEntry): boolean => uid.startsWith(derivedPrefix);

/** Others may write Events too, so the content is checked. */
function parseEntry(json: string): StoredEntry | undefined {
  try {
    const entry = JSON.parse(json) as StoredEntry;
    const texts: readonly unknown[] = [entry.uid, entry.at, entry.who, entry.action, entry.target];
    const isValid = texts.every((text) => typeof text === 'string' && text.length <= 1_024);
    return isValid && uidForm.test(entry.uid) && !Number.isNaN(Date.parse(entry.at)) ? entry : undefined;
  } catch {
    return undefined;
  }
}

function entriesOfObjects(store: IntentStore, cluster: string | undefined): readonly StoredEntry[] {
  const renewals = store.list('Renewal').flatMap(({ metadata, spec }): StoredEntry[] => {
    const { name, creationTimestamp: at } = metadata;
    if (spec.requester === undefined) return [];
    const target = `renewal ${name}`;
    const entry = { who: spec.requester, action: 'renew', target, reason: spec.reason, detail: target } as const;
    return [{ ...entry, outcome: 'done', at, uid: derivedUid(metadata.uid) }];
  });
  const pauses = store.list('LanePolicy').flatMap(({ metadata, spec }): StoredEntry[] => {
    const { paused, pausedBy: who, pausedAt: at, pauseReason, issuers } = spec;
    if (paused !== true || who === undefined || at === undefined) return [];
    const reason = pauseReason === undefined ? {} : { reason: pauseReason };
    return issuers.map((key) => {
      const entry = { who, action: 'pause', target: `lane ${key}`, ...reason } as const;
      return { ...entry, outcome: 'done', at, uid: derivedUid(`${metadata.uid} ${at} ${key}`) };
    });
  });
  const entries = [...renewals, ...pauses];
  return cluster === undefined ? entries : entries.map((entry) => ({ ...entry, cluster }));
}

const derivedUid = (text: string): string => `${derivedPrefix}${shortHash(text)}`;
