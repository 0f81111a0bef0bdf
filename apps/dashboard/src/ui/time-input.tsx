import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { t } from '../messages/messages.ts';
import { typedTime } from '../time/typed-time.ts';
import { TypedFilter } from './typed-filter.tsx';
import type { TypedFilterProps } from './typed-filter.tsx';

/**
 * A time as a user types it, in the zone of the page.
 * @param props its value is set to a length such as `24h`, to RFC 3339, or to nothing
 */
export function TimeInput(props: Pick<TypedFilterProps, 'label' | 'value' | 'isFocused' | 'onSet'>): JSX.Element {
  const { times } = useServices();
  const timeOf = (text: string): string | undefined => typedTime(text, times.chosen.value.zone);
  return (
    <TypedFilter
      {...props}
      hint={t.ui.timeHint}
      problemOf={(text) => (timeOf(text) === undefined ? t.ui.timeProblem : undefined)}
      onSet={(text) => props.onSet(timeOf(text) ?? '')}
    />
  );
}
