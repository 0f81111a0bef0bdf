import type { JSX } from 'preact';
import { auditActions } from '@certfleet/operator-api/vocabulary.ts';
import { SearchBox } from '../volumes/search-box.tsx';
import { auditActionTitles } from './audit-action-titles.ts';
import { withAuditFilter } from './audit-view.ts';
import type { AuditFilterName, AuditView } from './audit-view.ts';

export interface AuditFiltersProps {
  readonly view: AuditView;
  readonly onChange: (view: AuditView) => void;
}

const lengths = [
  ['1h', 'The last hour'],
  ['24h', 'The last 24 hours'],
  ['7d', 'The last 7 days'],
] as const;

/** Filters by target, person, action and time. */
export function AuditFilters({ view, onChange }: AuditFiltersProps): JSX.Element {
  const { who = '', action = '', target = '', since = '', until = '' } = view.filters;
  const set = (name: AuditFilterName, value: string): void => onChange(withAuditFilter(view, name, value));
  const isOther = since !== '' && !lengths.some(([length]) => length === since);
  return (
    <div class="filters" role="search">
      <div class="filter-row">
        <SearchBox label="Search target, reason, outcome" value={target} onSearch={(text) => set('target', text)} />
        <label class={who === '' ? 'field' : 'field set'}>
          <span class="visually-hidden">User</span>
          <input
            type="search"
            placeholder="User"
            value={who}
            autocomplete="off"
            onChange={(event) => set('who', event.currentTarget.value.trim())}
          />
        </label>
        <label class={action === '' ? 'field' : 'field set'}>
          <span class="visually-hidden">Action</span>
          <select value={action} onChange={(event) => set('action', event.currentTarget.value)}>
            <option value="">Any action</option>
            {auditActions.map((each) => (
              <option key={each} value={each}>
                {auditActionTitles[each]}
              </option>
            ))}
          </select>
        </label>
        <label class={since === '' ? 'field' : 'field set'}>
          <span class="visually-hidden">Time</span>
          <select value={since} onChange={(event) => set('since', event.currentTarget.value)}>
            <option value="">Any time</option>
            {lengths.map(([length, text]) => (
              <option key={length} value={length}>
                {text}
              </option>
            ))}
            {isOther && <option value={since}>Since {since}</option>}
          </select>
        </label>
      </div>
      {until !== '' && (
        <div class="chips">
          <button type="button" class="chip" onClick={() => set('until', '')} aria-label="Clear filter until">
            until <span class="mono cut">{until}</span>
          </button>
        </div>
      )}
    </div>
  );
}
