import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { t } from '../messages/messages.ts';
import { parseLength, shortDuration } from '../time/relative-time.ts';
import { TimeSelect } from '../ui/time-select.tsx';

const lengths = ['1h', '6h', '24h', '7d', '30d'].map(
  (length) => [length, t.volumes.expiry.within(shortDuration(parseLength(length) ?? 0))] as const,
);

/** Selects an expiry limit. */
export function ExpirySelect({
  value = '',
  onSet,
}: {
  readonly value: string | undefined;
  readonly onSet: (value: string) => void;
}): JSX.Element {
  const { times } = useServices();
  useStore(times.chosen);
  const textOf = (limit: string): string => {
    const length = parseLength(limit);
    return length === undefined
      ? t.volumes.expiry.before(times.absolute(Date.parse(limit)))
      : t.volumes.expiry.within(shortDuration(length));
  };
  return (
    <TimeSelect
      label={t.volumes.expiry.title}
      value={value}
      lengths={lengths}
      anyTime={t.volumes.expiry.any}
      textOf={textOf}
      onSet={onSet}
    />
  );
}
