import type { JSX } from 'preact';
import { useEffect, useId, useState } from 'preact/hooks';
import { volumeStates } from '@certfleet/fleet-model/vocabulary.ts';
import type { Facets } from '@certfleet/operator-api/volumes.ts';
import { Icon } from '../ui/icon.tsx';
import { stateMeanings, stateTitles } from '../ui/state-badge.tsx';
import { ExpirySelect } from './expiry-select.tsx';
import { SearchBox } from './search-box.tsx';
import { refine, withFilter } from './volumes-view.ts';
import type { FilterName, VolumesView } from './volumes-view.ts';

export interface FilterBarProps {
  readonly view: VolumesView;
  readonly facets: Facets | undefined;
  readonly onChange: (view: VolumesView) => void;
}

export function FilterBar({ view, facets, onChange }: FilterBarProps): JSX.Element {
  const set = (name: FilterName, value: string): void => onChange(withFilter(view, name, value));
  return (
    <div class="filters" role="search">
      <div class="filter-row">
        <SearchBox
          label="Search pods, nodes, issuers, names, serials"
          value={view.filters.search ?? ''}
          onSearch={(text) => set('search', text)}
        />
        <Choice name="namespace" title="Namespace" offered={facets?.namespaces} view={view} onSet={set} />
        <Choice name="pod" title="Pod" offered={undefined} view={view} onSet={set} />
        <Choice name="node" title="Node" offered={facets?.nodes} view={view} onSet={set} />
        <Choice name="issuer" title="Issuer" offered={facets?.issuers} view={view} onSet={set} />
        <ExpirySelect value={view.filters.expiresBefore} onSet={(value) => set('expiresBefore', value)} />
      </div>
      <StateChips view={view} onChange={onChange} />
      <OtherFilters view={view} onSet={set} />
    </div>
  );
}

interface ChoiceProps {
  readonly name: FilterName;
  readonly title: string;
  readonly offered: Facets['nodes'] | undefined;
  readonly view: VolumesView;
  readonly onSet: (name: FilterName, value: string) => void;
}

/** A field that accepts any text and suggests the most frequent values. */
function Choice({ name, title, offered, view, onSet }: ChoiceProps): JSX.Element {
  const listId = useId();
  const value = view.filters[name] ?? '';
  // The typed text is kept here, because the rows are rendered again while typing and would reset it.
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <label class={value === '' ? 'field' : 'field set'}>
      <span class="visually-hidden">{title}</span>
      <input
        type="search"
        placeholder={title}
        value={text}
        list={offered && listId}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => setText(event.currentTarget.value)}
        onChange={(event) => onSet(name, event.currentTarget.value.trim())}
      />
      {offered && (
        <datalist id={listId}>
          {offered.map((facet) => (
            <option key={facet.value} value={facet.value} label={`${facet.value} (${facet.count})`} />
          ))}
        </datalist>
      )}
    </label>
  );
}

function StateChips({ view, onChange }: Pick<FilterBarProps, 'view' | 'onChange'>): JSX.Element {
  const toggle = (state: (typeof volumeStates)[number]): void => {
    const states = view.states.includes(state) ? view.states.filter((each) => each !== state) : [...view.states, state];
    onChange(refine(view, { states: volumeStates.filter((each) => states.includes(each)) }));
  };
  return (
    <div class="chips" role="group" aria-label="States">
      {volumeStates.map((state) => (
        <button
          type="button"
          key={state}
          class={`chip state-${state}`}
          aria-pressed={view.states.includes(state)}
          title={stateMeanings[state]}
          onClick={() => toggle(state)}
        >
          <Icon name={state} />
          {stateTitles[state]}
        </button>
      ))}
      {(view.states.length > 0 || Object.keys(view.filters).length > 0) && (
        <button type="button" class="quiet" onClick={() => onChange(refine(view, { filters: {}, states: [] }))}>
          Clear filters
        </button>
      )}
    </div>
  );
}

const others: readonly (readonly [FilterName, string])[] = [
  ['renewsBefore', 'renews before'],
  ['volumeId', 'volume'],
  ['caFingerprint', 'CA'],
  ['served', 'served'],
];

/** Filters that only a link can set, shown so that they can be cleared. */
function OtherFilters({ view, onSet }: Pick<ChoiceProps, 'view' | 'onSet'>): JSX.Element | null {
  const set = others.filter(([name]) => view.filters[name] !== undefined);
  if (set.length === 0) return null;
  return (
    <div class="chips">
      {set.map(([name, title]) => (
        <button
          type="button"
          class="chip"
          key={name}
          onClick={() => onSet(name, '')}
          aria-label={`Clear filter ${title}`}
        >
          {title} <span class="mono cut">{view.filters[name]}</span>
          <Icon name="close" />
        </button>
      ))}
    </div>
  );
}
