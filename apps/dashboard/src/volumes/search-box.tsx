import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useServices } from '../app/services.ts';
import { Icon } from '../ui/icon.tsx';

const pauseMs = 200;

export interface SearchBoxProps {
  readonly label: string;
  readonly value: string;
  readonly onSearch: (text: string) => void;
}

/** Searches shortly after the last key; `/` focuses the box. */
export function SearchBox({ label, value, onSearch }: SearchBoxProps): JSX.Element {
  const { clock } = useServices();
  const [text, setText] = useState(value);
  const cancel = useRef<(() => void) | undefined>(undefined);
  const latest = useRef(onSearch);
  latest.current = onSearch;
  useEffect(() => {
    // Another component changed the value, for example the back button; text being typed stays.
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
