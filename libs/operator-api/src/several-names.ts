// A filter by several names: the names, separated by commas.

const separator = ',';

/** The names of a filter. */
export const namesIn = (text: string): readonly string[] =>
  text
    .split(separator)
    .map((name) => name.trim())
    .filter((name) => name !== '');

export const joinedNames = (names: readonly string[]): string => [...new Set(names)].join(separator);

/** The finished names of a text that is being typed, with their separator, and the name at its end. */
export function typedName(text: string): { readonly finished: string; readonly typed: string } {
  const at = text.lastIndexOf(separator) + 1;
  return { finished: text.slice(0, at), typed: text.slice(at).trim() };
}
