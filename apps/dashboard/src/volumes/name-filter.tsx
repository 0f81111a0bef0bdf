import type { JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { Facets } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import type { FilterName } from './volumes-view.ts';

export interface NameFilterProps {
  readonly name: Extract<FilterName, 'namespace' | 'pod' | 'node' | 'issuer'>;
  readonly title: string;
  /** The suggestions to request; undefined if there are none of this kind. */
  readonly facet: 'namespaces' | 'nodes' | 'issuers' | undefined;
  readonly value: string;
  readonly onSet: (name: FilterName, value: string) => void;
}

const pauseMs = 150;

/**
 * A filter by name with suggestions of the server. A text that is no whole name of the fleet becomes a pattern, such as
 * `*sho*`, and is shown as such.
 */
export function NameFilter({ name, title, facet, value, onSet }: NameFilterProps): JSX.Element {
  const { api } = useServices();
  const listId = useId();
  // The typed text is kept here, because the rows are rendered again while typing and would reset it.
  const [text, setText] = useState(value);
  const { offered, suggest } = useSuggestions(facet);
  const latest = useRef(onSet);
  latest.current = onSet;
  const asked = useRef(0);
  useEffect(() => setText(value), [value]);
  useEffect(() => () => void (asked.current += 1), []);
  const commit = async (typed: string): Promise<void> => {
    const own = ++asked.current;
    const wanted = typed === '' || typed.includes('*') || (await isWholeName(typed)) ? typed : `*${typed}*`;
    if (own !== asked.current) return;
    setText(wanted);
    latest.current(name, wanted);
  };
  /** Without an answer the text is taken as a whole name; the table then reports the failure. */
  const isWholeName = async (typed: string): Promise<boolean> => {
    const query = new URLSearchParams({ [name]: typed, limit: '1' });
    return await api.volumes(query).then(
      ({ total }) => total > 0,
      () => true,
    );
  };
  return (
    <label class={value === '' ? 'field' : 'field set'}>
      <span class="visually-hidden">{title}</span>
      <input
        type="search"
        placeholder={title}
        value={text}
        list={facet && listId}
        autocomplete="off"
        spellcheck={false}
        onFocus={() => suggest(text)}
        onInput={(event) => {
          setText(event.currentTarget.value);
          suggest(event.currentTarget.value);
        }}
        onChange={(event) => void commit(event.currentTarget.value.trim())}
      />
      {facet && (
        <datalist id={listId}>
          {offered.map((each) => (
            <option key={each.value} value={each.value} label={`${each.value} (${each.count})`} />
          ))}
        </datalist>
      )}
    </label>
  );
}

interface Suggestions {
  readonly offered: Facets['nodes'];
  /** Requests the suggestions for a typed text, shortly after the last key. */
  readonly suggest: (text: string) => void;
}

function useSuggestions(facet: NameFilterProps['facet']): Suggestions {
  const { api, clock } = useServices();
  const [offered, setOffered] = useState<Facets['nodes']>([]);
  const pending = useRef<{ readonly cancel: () => void; readonly abort: AbortController } | undefined>(undefined);
  const stop = (): void => {
    pending.current?.cancel();
    pending.current?.abort.abort();
  };
  useEffect(() => stop, []);
  const suggest = (text: string): void => {
    if (facet === undefined) return;
    stop();
    const abort = new AbortController();
    const load = (): void =>
      void api.facets(text.trim().replaceAll('*', ''), abort.signal).then(
        (facets) => abort.signal.aborted || setOffered(facets[facet]),
        () => undefined,
      );
    pending.current = { cancel: clock.schedule(pauseMs, load), abort };
  };
  return { offered, suggest };
}
