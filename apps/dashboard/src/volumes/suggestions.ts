import { useEffect, useRef, useState } from 'preact/hooks';
import type { Facets } from '@certfleet/operator-api/volumes.ts';
import type { OperatorApi } from '../api/operator-api.ts';
import { useServices } from '../app/services.ts';
import type { GroupKey } from './volumes-view.ts';

interface Suggestion {
  readonly value: string;
  /** Undefined if it is not known. */
  readonly count?: number;
}

/** The known values for a typed text, most frequent first, at most 50. */
export type Suggest = (api: OperatorApi, typed: string, signal: AbortSignal) => Promise<readonly Suggestion[]>;

const most = '50';

/** Values that begin with the text. */
export const facetSuggestions =
  (facet: 'namespaces' | 'nodes' | 'issuers'): Suggest =>
  async (api, typed, signal) => {
    const facets: Facets = await api.facets(typed, signal);
    return facets[facet];
  };

/** Those of some values that contain the text. */
export const fixedSuggestions =
  (values: readonly string[]): Suggest =>
  (_api, typed) =>
    Promise.resolve(values.filter((value) => value.includes(typed.toLowerCase())).map((value) => ({ value })));

/** Values that contain the text. @param filterOf the filter of the API for a pattern */
export const groupSuggestions =
  (by: GroupKey, filterOf: (pattern: string) => readonly [name: string, value: string]): Suggest =>
  async (api, typed, signal) => {
    const query = new URLSearchParams({ by, limit: most });
    if (typed !== '') query.set(...filterOf(`*${typed}*`));
    const { groups } = await api.groups(query, signal);
    return groups.filter(({ value }) => value !== '');
  };

/** The volumes that match one filter. */
export async function countVolumes(api: OperatorApi, filter: readonly [name: string, value: string]): Promise<number> {
  const { total } = await api.volumes(new URLSearchParams([[...filter], ['limit', '1']]));
  return total;
}

const pauseMs = 150;

export interface Suggestions {
  readonly offered: readonly Suggestion[];
  /** Requests the suggestions for a typed text, shortly after the last key. */
  readonly request: (text: string) => void;
}

export function useSuggestions(suggest: Suggest | undefined): Suggestions {
  const { api, clock } = useServices();
  const [offered, setOffered] = useState<readonly Suggestion[]>([]);
  const pending = useRef<{ readonly cancel: () => void; readonly abort: AbortController } | undefined>(undefined);
  const stop = (): void => {
    pending.current?.cancel();
    pending.current?.abort.abort();
  };
  useEffect(() => stop, []);
  const request = (text: string): void => {
    if (suggest === undefined) return;
    stop();
    const abort = new AbortController();
    const load = (): void =>
      void suggest(api, text.trim().replaceAll('*', ''), abort.signal).then(
        (found) => abort.signal.aborted || setOffered(found),
        () => undefined,
      );
    pending.current = { cancel: clock.schedule(pauseMs, load), abort };
  };
  return { offered, request };
}
