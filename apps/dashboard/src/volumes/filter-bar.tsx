import type { JSX } from 'preact';
import { volumeStates } from '@certfleet/fleet-model/vocabulary.ts';
import { RiskChips } from '../at-risk/risk-chips.tsx';
import { Icon } from '../ui/icon.tsx';
import { stateMeanings, stateTitles } from '../ui/state-badge.tsx';
import { ExpirySelect } from './expiry-select.tsx';
import { NameFilter } from './name-filter.tsx';
import { PostureSelect } from './posture-select.tsx';
import { SearchBox } from './search-box.tsx';
import { refine, withFilter } from './volumes-view.ts';
import type { FilterName, VolumesView } from './volumes-view.ts';

export interface FilterBarProps {
  readonly view: VolumesView;
  readonly onChange: (view: VolumesView, isTyping?: boolean) => void;
}

const nameFilters = [
  { name: 'namespace', title: 'Namespace', facet: 'namespaces' },
  { name: 'pod', title: 'Pod', facet: undefined },
  { name: 'node', title: 'Node', facet: 'nodes' },
  { name: 'issuer', title: 'Issuer', facet: 'issuers' },
] as const;

export function FilterBar({ view, onChange }: FilterBarProps): JSX.Element {
  const set = (name: FilterName, value: string, isTyping = false): void =>
    onChange(withFilter(view, name, value), isTyping);
  return (
    <div class="filters" role="search">
      <div class="filter-row">
        <SearchBox
          label="Search pods, nodes, issuers, names, serials"
          value={view.filters.search ?? ''}
          onSearch={(text) => set('search', text, true)}
        />
        {nameFilters.map(({ name, title, facet }) => (
          <NameFilter key={name} name={name} title={title} facet={facet} value={view.filters[name] ?? ''} onSet={set} />
        ))}
        <ExpirySelect value={view.filters.expiresBefore} onSet={(value) => set('expiresBefore', value)} />
        <PostureSelect onSet={set} />
      </div>
      {view.path === '/at-risk' ? (
        <RiskChips view={view} onChange={onChange} />
      ) : (
        <StateChips view={view} onChange={onChange} />
      )}
      <OtherFilters view={view} onSet={set} />
    </div>
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
  ['risk', 'risk'],
  ['workload', 'workload'],
  ['label', 'label'],
  ['rsaBelow', 'RSA below'],
  ['signature', 'signature'],
  ['lifetimeOver', 'lifetime over'],
  ['isCa', 'CA'],
  ['usage', 'usage'],
];

/** Filters that only a link can set, shown so that they can be cleared. */
function OtherFilters({
  view,
  onSet,
}: {
  readonly view: VolumesView;
  readonly onSet: (name: FilterName, value: string) => void;
}): JSX.Element | null {
  const set = others.filter(
    ([name]) => view.filters[name] !== undefined && (name !== 'risk' || view.path !== '/at-risk'),
  );
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
