import type { JSX } from 'preact';
import { auditActions } from '@certfleet/operator-api/vocabulary.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { t } from '../messages/messages.ts';
import { parseLength } from '../time/relative-time.ts';
import { TimeInput } from '../ui/time-input.tsx';
import { TimeSelect } from '../ui/time-select.tsx';
import { TypedFilter } from '../ui/typed-filter.tsx';
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
  const { times } = useServices();
  useStore(times.chosen);
  const shown = (time: string): string => (parseLength(time) === undefined ? times.absolute(Date.parse(time)) : time);
  return (
    <div class="filters" role="search">
      <div class="filter-row">
        <SearchBox label={t.audit.search} value={target} onSearch={(text) => set('target', text)} />
        <TypedFilter label={t.fields.user} value={who} onSet={(value) => set('who', value)} />
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
        <TimeSelect
          label={t.fields.time}
          value={since}
          lengths={lengths}
          anyTime={t.audit.anyTime}
          textOf={(time) => t.audit.since(shown(time))}
          onSet={(value) => set('since', value)}
        />
        {(since !== '' || until !== '') && (
          <TimeInput
            label={t.audit.untilTime}
            value={until === '' ? '' : shown(until)}
            onSet={(value) => set('until', value)}
          />
        )}
      </div>
    </div>
  );
}
