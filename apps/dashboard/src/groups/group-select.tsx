import type { JSX } from 'preact';
import { t } from '../messages/messages.ts';

export interface GroupSelectProps<Key extends string> {
  readonly value: Key | undefined;
  /** The properties that are offered, each with its text. */
  readonly offered: readonly (readonly [key: Key, text: string])[];
  readonly onChoose: (by: Key | undefined) => void;
}

/** Selects the property by which the rows of a table are grouped. */
export function GroupSelect<Key extends string>({ value, offered, onChoose }: GroupSelectProps<Key>): JSX.Element {
  const choose = (text: string): void => onChoose(offered.find(([key]) => key === text)?.[0]);
  return (
    <label class={value === undefined ? 'field' : 'field set'}>
      <span class="visually-hidden">{t.groups.title}</span>
      <select value={value ?? ''} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">{t.groups.none}</option>
        {offered.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
