import type { JSX } from 'preact';
import { auditActions } from '@certfleet/operator-api/vocabulary.ts';
import { t } from '../messages/messages.ts';
import { SearchBox } from '../volumes/search-box.tsx';
import { withAuditFilter } from './audit-view.ts';
import type { AuditFilterName, AuditView } from './audit-view.ts';

export interface AuditFiltersProps {
  readonly view: AuditView;
  readonly onChange: (view: AuditView) => void;
}

const lengths = [
  ['1h', t.audit.lastHour],
  ['24h', t.audit.lastDay],
  ['7d', t.audit.lastWeek],
] as const;

/** Filters by target, person, action and time. */
export function AuditFilters({ view, onChange }: AuditFiltersProps): JSX.Element {
  const { who = '', action = '', target = '', since = '', until = '' } = view.filters;
  const set = (name: AuditFilterName, value: string): void => onChange(withAuditFilter(view, name, value));
  const isOther = since !== '' && !lengths.some(([length]) => length === since);
  return (
    <div class="filters" role="search">
      <div class="filter-row">
        <SearchBox label={t.audit.search} value={target} onSearch={(text) => set('target', text)} />
        <label class={who === '' ? 'field' : 'field set'}>
          <span class="visually-hidden">{t.fields.user}</span>
          <input
            type="search"
            placeholder={t.fields.user}
            value={who}
            autocomplete="off"
            onChange={(event) => set('who', event.currentTarget.value.trim())}
          />
        </label>
        <label class={action === '' ? 'field' : 'field set'}>
          <span class="visually-hidden">{t.fields.action}</span>
          <select value={action} onChange={(event) => set('action', event.currentTarget.value)}>
            <option value="">{t.audit.anyAction}</option>
            {auditActions.map((each) => (
              <option key={each} value={each}>
                {t.audit.actions[each]}
              </option>
            ))}
          </select>
        </label>
        <label class={since === '' ? 'field' : 'field set'}>
          <span class="visually-hidden">{t.fields.time}</span>
          <select value={since} onChange={(event) => set('since', event.currentTarget.value)}>
            <option value="">{t.audit.anyTime}</option>
            {lengths.map(([length, text]) => (
              <option key={length} value={length}>
                {text}
              </option>
            ))}
            {isOther && <option value={since}>{t.audit.since(since)}</option>}
          </select>
        </label>
      </div>
      {until !== '' && (
        <div class="chips">
          <button type="button" class="chip" onClick={() => set('until', '')} aria-label={t.audit.clearUntil}>
            {t.audit.until(<span class="mono cut">{until}</span>)}
          </button>
        </div>
      )}
    </div>
  );
}
