import type { JSX } from 'preact';
import type { PodCertificateOverview } from '@certfleet/operator-api/pod-certificates.ts';
import { podCertificateRisks, podCertificateStates } from '@certfleet/operator-api/vocabulary.ts';
import type { OperatorApi } from '../api/operator-api.ts';
import { t } from '../messages/messages.ts';
import { formatCount } from '../ui/count.ts';
import { Icon } from '../ui/icon.tsx';
import { ExpirySelect } from '../volumes/expiry-select.tsx';
import { NameFilter } from '../volumes/name-filter.tsx';
import { SearchBox } from '../volumes/search-box.tsx';
import type { Suggest } from '../volumes/suggestions.ts';
import { stateLooks } from './pod-certificate-state.tsx';
import { withPodCertificateFilter, withToggledState } from './pod-certificates-view.ts';
import type { PodCertificateFilter, PodCertificatesView } from './pod-certificates-view.ts';

export interface PodCertificateFiltersProps {
  readonly view: PodCertificatesView;
  /** What is loaded, whose counts and signer names are shown. */
  readonly page: PodCertificateOverview | undefined;
  readonly onChange: (view: PodCertificatesView) => void;
}

const names = [
  ['namespace', t.fields.namespace],
  ['pod', t.fields.pod],
  ['workload', t.fields.workload],
  ['node', t.fields.node],
] as const;

type Name = (typeof names)[number][0];

/** The names that contain a text, most frequent first. */
const suggestionsOf =
  (by: Exclude<Name, 'pod'>): Suggest =>
  async (api, typed, signal) => {
    const query = new URLSearchParams({ by, limit: '50', ...(typed !== '' && { [by]: `*${typed}*` }) });
    const { groups } = await api.podCertificateGroups(query, signal);
    return groups.filter(({ value }) => value !== '');
  };

/** The pod certificates that match one filter. */
async function countRows(api: OperatorApi, name: Name, text: string): Promise<number> {
  const { total } = await api.podCertificates(new URLSearchParams({ [name]: text, limit: '1' }));
  return total;
}

const suggestions: Readonly<Record<Name, Suggest | undefined>> = {
  namespace: suggestionsOf('namespace'),
  // As many as rows.
  pod: undefined,
  workload: suggestionsOf('workload'),
  node: suggestionsOf('node'),
};

/** Filters by text, names, signer and state. */
export function PodCertificateFilters({ view, page, onChange }: PodCertificateFiltersProps): JSX.Element {
  const { filters } = view;
  const set = (name: PodCertificateFilter, value: string): void =>
    onChange(withPodCertificateFilter(view, name, value.trim()));
  return (
    <div class="filters" role="search">
      <div class="filter-row">
        <SearchBox
          label={t.podCertificates.search}
          value={filters.search ?? ''}
          onSearch={(text) => set('search', text)}
        />
        {names.map(([name, title]) => (
          <NameFilter
            key={name}
            title={title}
            value={filters[name] ?? ''}
            countOf={(api, text) => countRows(api, name, text)}
            suggest={suggestions[name]}
            onSet={(value) => set(name, value)}
          />
        ))}
        <SignerSelect
          value={filters.signer ?? ''}
          signers={page?.signers ?? []}
          onSet={(value) => set('signer', value)}
        />
        <ExpirySelect value={filters.expiresBefore} onSet={(value) => set('expiresBefore', value)} />
      </div>
      <div class="chips" role="group" aria-label={t.common.states}>
        {podCertificateStates.map((state) => (
          <button
            type="button"
            key={state}
            class={`chip state-${stateLooks[state].tone}`}
            aria-pressed={view.states.includes(state)}
            title={t.podCertificates.states[state].meaning}
            onClick={() => onChange(withToggledState(view, state))}
          >
            <Icon name={stateLooks[state].icon} />
            {t.podCertificates.states[state].title}
            {page !== undefined && <span class="dim">{formatCount(page.byState[state])}</span>}
          </button>
        ))}
        <RiskChip risk={filters.risk} onSet={(value) => set('risk', value)} />
        {(view.states.length > 0 || Object.keys(filters).length > 0) && (
          <button
            type="button"
            class="quiet"
            onClick={() => onChange({ ...view, filters: {}, states: [], after: undefined })}
          >
            {t.common.clearFilters}
          </button>
        )}
      </div>
    </div>
  );
}

const texts = t.podCertificates.riskFilter;

interface RiskChipProps {
  readonly risk: string | undefined;
  readonly onSet: (risk: string) => void;
}

/** Shows only what is at risk, or the reasons that the address names. */
function RiskChip({ risk, onSet }: RiskChipProps): JSX.Element {
  const reasons = risk
    ?.split(',')
    .map((reason) => podCertificateRisks.find((each) => each === reason))
    .flatMap((reason) => (reason === undefined ? [] : [t.podCertificates.risks[reason].title]));
  return (
    <button
      type="button"
      class="chip"
      aria-pressed={risk !== undefined}
      title={texts.meaning}
      onClick={() => onSet(risk === undefined ? 'any' : '')}
    >
      <Icon name="warning" />
      {[risk === 'none' ? texts.notAtRisk : texts.atRisk, ...(reasons ?? [])].join(' · ')}
    </button>
  );
}

interface SignerSelectProps {
  readonly value: string;
  readonly signers: readonly string[];
  readonly onSet: (signer: string) => void;
}

function SignerSelect({ value, signers, onSet }: SignerSelectProps): JSX.Element {
  const shown = value === '' || signers.includes(value) ? signers : [value, ...signers];
  return (
    <label class={value === '' ? 'field' : 'field set'}>
      <span class="visually-hidden">{t.fields.signer}</span>
      <select value={value} onChange={(event) => onSet(event.currentTarget.value)}>
        <option value="">{t.podCertificates.anySigner}</option>
        {shown.map((signer) => (
          <option key={signer} value={signer}>
            {signer}
          </option>
        ))}
      </select>
    </label>
  );
}
