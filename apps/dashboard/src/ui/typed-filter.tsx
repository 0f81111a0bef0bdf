import type { JSX } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';

export interface TypedFilterProps {
  readonly label: string;
  readonly value: string;
  readonly hint?: string;
  /** Whether the user has just asked for this input. */
  readonly isFocused?: boolean;
  /** Why a text cannot be used; undefined if it can. */
  readonly problemOf?: (text: string) => string | undefined;
  readonly onSet: (text: string) => void;
}

/** A filter that is applied when its text has been typed. */
export function TypedFilter(props: TypedFilterProps): JSX.Element {
  const { label, value, hint, isFocused = false, problemOf, onSet } = props;
  // The typed text is kept here, because the rows are rendered again while typing and would reset it.
  const [text, setText] = useState(value);
  // Not after the next frame: what the user has typed since would be lost.
  useLayoutEffect(() => setText(value), [value]);
  const change = (input: HTMLInputElement): void => {
    const typed = input.value.trim();
    input.setCustomValidity(typed === '' ? '' : (problemOf?.(typed) ?? ''));
    if (input.reportValidity()) onSet(typed);
  };
  return (
    <label class={value === '' ? 'field' : 'field set'}>
      <span class="visually-hidden">{label}</span>
      <input
        type="search"
        placeholder={label}
        title={hint}
        value={text}
        autocomplete="off"
        spellcheck={false}
        autoFocus={isFocused}
        onInput={({ currentTarget: input }) => {
          input.setCustomValidity('');
          setText(input.value);
        }}
        onChange={({ currentTarget: input }) => change(input)}
      />
    </label>
  );
}
