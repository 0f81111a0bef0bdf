import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useServices } from '../app/services.ts';
import { Icon } from '../ui/icon.tsx';

const pauseMs = 200;

/** What a search box is given. */
export interface SearchBoxProps {
  readonly label: string;
  readonly value: string;
  readonly onSearch: (text: string) => void;
}

/** A box that searches a moment after the last key; `/` comes here from anywhere. */
export function SearchBox({ label, value, onSearch }: SearchBoxProps): JSX.Element {
  const { clock } = useServices();
  const [text, setText] = useState(value);
  const cancel = useRef<(() => void) | undefined>(undefined);
  const latest = useRef(onSearch);
  latest.current = onSearch;
  useEffect(() => {
    // Somebody else changed it, such as the back button; what is being typed stays.
    if (cancel.current === undefined) setText(value);
  }, [value]);
  useEffect(() => () => cancel.current?.(), []);
  const type = (typed: string): void => {
    setText(typed);
    cancel.current?.();
    cancel.current = clock.schedule(pauseMs, () => {
      cancel.current = undefined;
      latest.current(typed.trim());
    });
  };
  return (
    <label class="search">
      <Icon name="search" />
      <span class="visually-hidden">{label}</span>
      <input
        type="search"
        data-search
        placeholder={label}
        value={text}
        autocomplete="off"
        spellcheck={false}
        aria-keyshortcuts="/"
        onInput={(event) => type(event.currentTarget.value)}
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}
