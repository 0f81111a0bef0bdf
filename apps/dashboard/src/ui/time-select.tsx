import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { t } from '../messages/messages.ts';
import { TimeInput } from './time-input.tsx';

export interface TimeSelectProps {
  readonly label: string;
  /** A length such as `24h`, RFC 3339, or empty. */
  readonly value: string;
  /** The usual lengths, with their texts. */
  readonly lengths: readonly (readonly [length: string, text: string])[];
  readonly anyTime: string;
  /** The text of a value that is none of the lengths. */
  readonly textOf: (value: string) => string;
  readonly onSet: (value: string) => void;
}

/** The value of the option that shows an input. */
const another = 'another';

/** A limit of time: a usual one, or another one that the user types. */
export function TimeSelect({ label, value, lengths, anyTime, textOf, onSet }: TimeSelectProps): JSX.Element {
  const [isTyping, setTyping] = useState(false);
  const isOther = value !== '' && !lengths.some(([length]) => length === value);
  const choose = (chosen: string): void => {
    setTyping(chosen === another);
    if (chosen !== another) onSet(chosen);
  };
  return (
    <>
      <label class={value === '' ? 'field' : 'field set'}>
        <span class="visually-hidden">{label}</span>
        <select value={isTyping ? another : value} onChange={(event) => choose(event.currentTarget.value)}>
          <option value="">{anyTime}</option>
          {lengths.map(([length, text]) => (
            <option key={length} value={length}>
              {text}
            </option>
          ))}
          {isOther && <option value={value}>{textOf(value)}</option>}
          <option value={another}>{t.ui.anotherTime}</option>
        </select>
      </label>
      {isTyping && (
        <TimeInput
          label={t.ui.typedTime(label)}
          value=""
          isFocused
          onSet={(time) => {
            setTyping(false);
            onSet(time);
          }}
        />
      )}
    </>
  );
}
