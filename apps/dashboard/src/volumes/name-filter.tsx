import type { JSX } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { OperatorApi } from '../api/operator-api.ts';
import { useServices } from '../app/services.ts';
import { t } from '../messages/messages.ts';
import { joinedNames, namesIn, typedName } from '@certfleet/operator-api/several-names.ts';
import { useSuggestions } from './suggestions.ts';
import type { Suggest } from './suggestions.ts';

export interface NameFilterProps {
  readonly title: string;
  readonly value: string;
  /** How many rows match a text as the only filter. */
  readonly countOf: (api: OperatorApi, text: string) => Promise<number>;
  /** Undefined without suggestions. */
  readonly suggest: Suggest | undefined;
  /** Why a text cannot be a filter; undefined if it can. */
  readonly problemOf?: (text: string) => string | undefined;
  readonly onSet: (value: string) => void;
}

/** Without an answer a text is taken as a whole name; the table then reports the failure. */
async function nameOrPattern(text: string, countOf: (text: string) => Promise<number>): Promise<string> {
  if (text.includes('*')) return text;
  const isWholeName = await countOf(text).then(
    (count) => count > 0,
    () => true,
  );
  return isWholeName ? text : `*${text}*`;
}

/**
 * A filter by one or more names with suggestions of the server. A text that is no whole name of the fleet becomes a pattern,
 * such as `*sho*`, and is shown as such.
 */
export function NameFilter({ title, value, countOf, suggest, problemOf, onSet }: NameFilterProps): JSX.Element {
  const { api } = useServices();
  const listId = useId();
  // The typed text is kept here, because the rows are rendered again while typing and would reset it.
  const [text, setText] = useState(value);
  const { offered, request } = useSuggestions(suggest);
  const latest = useRef(onSet);
  latest.current = onSet;
  const asked = useRef(0);
  // Not after the next frame: what the user has typed since would be lost.
  useLayoutEffect(() => setText(value), [value]);
  useEffect(() => () => void (asked.current += 1), []);
  const commit = async (typed: string): Promise<void> => {
    const own = ++asked.current;
    const names = namesIn(typed).map((name) => nameOrPattern(name, (each) => countOf(api, each)));
    const wanted = joinedNames(await Promise.all(names));
    if (own !== asked.current) return;
    setText(wanted);
    latest.current(wanted);
  };
  const change = (input: HTMLInputElement): void => {
    const typed = input.value.trim();
    input.setCustomValidity(namesIn(typed).flatMap((name) => problemOf?.(name) ?? [])[0] ?? '');
    if (input.reportValidity()) void commit(typed);
  };
  const { finished } = typedName(text);
  return (
    <label class={value === '' ? 'field' : 'field set'}>
      <span class="visually-hidden">{title}</span>
      <input
        type="search"
        placeholder={title}
        value={text}
        list={suggest && listId}
        autocomplete="off"
        spellcheck={false}
        title={t.volumes.severalNames}
        onFocus={() => request(typedName(text).typed)}
        onInput={({ currentTarget: input }) => {
          input.setCustomValidity('');
          setText(input.value);
          request(typedName(input.value).typed);
        }}
        onChange={(event) => change(event.currentTarget)}
      />
      {suggest && (
        <datalist id={listId}>
          {offered.map((each) => (
            <option key={each.value} value={`${finished}${each.value}`} label={t.volumes.suggestion(each)} />
          ))}
        </datalist>
      )}
    </label>
  );
}
