import type { JSX } from 'preact';
import { volumeStatuses } from '@certfleet/fleet-model/vocabulary.ts';
import { usualUsages } from '@certfleet/operator-api/vocabulary.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { RiskChips } from '../at-risk/risk-chips.tsx';
import { t } from '../messages/messages.ts';
import { usePodLabels } from '../session/use-pod-labels.ts';
import { Icon } from '../ui/icon.tsx';
import { ExpirySelect } from './expiry-select.tsx';
import { labelProblem, labelValue, otherLabels, withLabelValue } from './label-filter.ts';
import { NameFilter } from './name-filter.tsx';
import { PostureSelect } from './posture-select.tsx';
import { SearchBox } from './search-box.tsx';
import { countVolumes, facetSuggestions, fixedSuggestions, groupSuggestions } from './suggestions.ts';
import { isTimeFilter, refine, withFilter } from './volumes-view.ts';
import type { FilterName, VolumesView } from './volumes-view.ts';

export interface FilterBarProps {
  readonly view: VolumesView;
  readonly onChange: (view: VolumesView, isTyping?: boolean) => void;
}

const nameFilters = [
  { name: 'namespace', title: t.fields.namespace, suggest: facetSuggestions('namespaces') },
  { name: 'pod', title: t.fields.pod, suggest: undefined },
  {
    name: 'workload',
    title: t.fields.workload,
    suggest: groupSuggestions('workload', (pattern) => ['workload', pattern]),
  },
  { name: 'node', title: t.fields.node, suggest: facetSuggestions('nodes') },
  { name: 'issuer', title: t.fields.issuer, suggest: facetSuggestions('issuers') },
  { name: 'usage', title: t.fields.usages, suggest: fixedSuggestions(usualUsages) },
] as const;

export function FilterBar({ view, onChange }: FilterBarProps): JSX.Element {
  const set = (name: FilterName, value: string, isTyping = false): void =>
    onChange(withFilter(view, name, value), isTyping);
  const labels = usePodLabels();
  return (
    <div class="filters" role="search">
      <div class="filter-row">
        <SearchBox
          label={t.volumes.search}
          value={view.filters.search ?? ''}
          onSearch={(text) => set('search', text, true)}
        />
        {nameFilters.map(({ name, title, suggest }) => (
          <NameFilter
            key={name}
            title={title}
            value={view.filters[name] ?? ''}
            countOf={(api, text) => countVolumes(api, [name, text])}
            suggest={suggest}
            onSet={(value) => set(name, value)}
          />
        ))}
        {labels.map((key) => (
          <LabelFilter key={key} label={key} filter={view.filters.label} onSet={(value) => set('label', value)} />
        ))}
        <ExpirySelect value={view.filters.expiresBefore} onSet={(value) => set('expiresBefore', value)} />
        <PostureSelect onSet={set} />
      </div>
      {view.path === '/at-risk' ? (
        <RiskChips view={view} onChange={onChange} />
      ) : (
        <StateChips view={view} onChange={onChange} />
      )}
      <OtherFilters view={view} labels={labels} onSet={set} />
    </div>
  );
}

interface LabelFilterProps {
  /** The key of the label. */
  readonly label: string;
  /** The filter by all labels. */
  readonly filter: string | undefined;
  readonly onSet: (filter: string) => void;
}

function LabelFilter({ label, filter, onSet }: LabelFilterProps): JSX.Element {
  const filterOf = (text: string): readonly [string, string] => ['label', `${label}=${text}`];
  return (
    <NameFilter
      title={t.volumes.label(label)}
      value={labelValue(filter, label)}
      countOf={(api, text) => countVolumes(api, filterOf(text))}
      suggest={groupSuggestions(`label:${label}`, filterOf)}
      problemOf={labelProblem}
      onSet={(value) => onSet(withLabelValue(filter, label, value))}
    />
  );
}

function StateChips({ view, onChange }: Pick<FilterBarProps, 'view' | 'onChange'>): JSX.Element {
  const toggle = (state: (typeof volumeStatuses)[number]): void => {
    const states = view.states.includes(state) ? view.states.filter((each) => each !== state) : [...view.states, state];
    onChange(refine(view, { states: volumeStatuses.filter((each) => states.includes(each)) }));
  };
  return (
    <div class="chips" role="group" aria-label={t.common.states}>
      {volumeStatuses.map((state) => (
        <button
          type="button"
          key={state}
          class={`chip state-${state}`}
          aria-pressed={view.states.includes(state)}
          title={t.stateMeanings[state]}
          onClick={() => toggle(state)}
        >
          <Icon name={state} />
          {t.states[state]}
        </button>
      ))}
      {(view.states.length > 0 || Object.keys(view.filters).length > 0) && (
        <button type="button" class="quiet" onClick={() => onChange(refine(view, { filters: {}, states: [] }))}>
          {t.common.clearFilters}
        </button>
      )}
    </div>
  );
}

const others = [
  'expiresAfter',
  'renewsAfter',
  'renewsBefore',
  'issuedAfter',
  'issuedBefore',
  'volumeId',
  'caFingerprint',
  'served',
  'risk',
  'label',
  'rsaBelow',
  'signature',
  'lifetimeOver',
  'requestedOver',
  'isCa',
] as const satisfies readonly FilterName[];

/** Filters that only a link can set, shown so that they can be cleared. */
function OtherFilters({
  view,
  labels,
  onSet,
}: {
  readonly view: VolumesView;
  /** Keys of the labels with an input. */
  readonly labels: readonly string[];
  readonly onSet: (name: FilterName, value: string) => void;
}): JSX.Element | null {
  const { times } = useServices();
  useStore(times.chosen);
  const isElsewhere = (name: FilterName): boolean =>
    (name === 'risk' && view.path === '/at-risk') ||
    (name === 'label' && otherLabels(view.filters.label, labels).length === 0);
  const set = others.filter((name) => view.filters[name] !== undefined && !isElsewhere(name));
  if (set.length === 0) return null;
  const textOf = (name: FilterName, value = ''): string =>
    isTimeFilter(name) && !Number.isNaN(Date.parse(value)) ? times.absolute(Date.parse(value)) : value;
  return (
    <div class="chips">
      {set.map((name) => (
        <button
          type="button"
          class="chip"
          key={name}
          onClick={() => onSet(name, '')}
          aria-label={t.common.clearFilter(t.volumes.filters[name])}
        >
          {t.volumes.filters[name]} <span class="mono cut">{textOf(name, view.filters[name])}</span>
          <Icon name="close" />
        </button>
      ))}
    </div>
  );
}
