import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { t } from '../messages/messages.ts';
import { typedTime } from '../time/typed-time.ts';

export interface TimeInputProps {
  readonly label: string;
  /** A length such as `24h`, RFC 3339, or empty. */
  readonly value: string;
  /** Whether the user has just asked for this input. */
  readonly isFocused?: boolean;
  readonly onSet: (value: string) => void;
}

/** A time as a user types it, in the zone of the page. */
export function TimeInput({ label, value, isFocused = false, onSet }: TimeInputProps): JSX.Element {
  const { times } = useServices();
  const change = (input: HTMLInputElement): void => {
    const text = input.value.trim();
    const time = text === '' ? '' : typedTime(text, times.chosen.value.zone);
    input.setCustomValidity(time === undefined ? t.ui.timeProblem : '');
    if (input.reportValidity() && time !== undefined) onSet(time);
  };
  return (
    <label class={value === '' ? 'field' : 'field set'}>
      <span class="visually-hidden">{label}</span>
      <input
        type="search"
        placeholder={label}
        title={t.ui.timeHint}
        value={value}
        autocomplete="off"
        spellcheck={false}
        autoFocus={isFocused}
        onInput={({ currentTarget: input }) => input.setCustomValidity('')}
        onChange={({ currentTarget: input }) => change(input)}
      />
    </label>
  );
}
