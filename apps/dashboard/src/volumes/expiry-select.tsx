import type { JSX } from 'preact';
import { t } from '../messages/messages.ts';
import { parseLength, shortDuration } from '../time/relative-time.ts';

const lengths = ['1h', '6h', '24h', '7d', '30d'];

/** Selects an expiry limit; also shows a limit that only a link can set. */
export function ExpirySelect({
  value = '',
  onSet,
}: {
  readonly value: string | undefined;
  readonly onSet: (value: string) => void;
}): JSX.Element {
  const isOther = value !== '' && !lengths.includes(value);
  return (
    <label class={value === '' ? 'field' : 'field set'}>
      <span class="visually-hidden">{t.volumes.expiry.title}</span>
      <select value={value} onChange={(event) => onSet(event.currentTarget.value)}>
        <option value="">{t.volumes.expiry.any}</option>
        {lengths.map((length) => (
          <option key={length} value={length}>
            {t.volumes.expiry.within(shortDuration(parseLength(length) ?? 0))}
          </option>
        ))}
        {isOther && <option value={value}>{t.volumes.expiry.before(value)}</option>}
      </select>
    </label>
  );
}
