// Runs in the page: the English messages, each between marks and longer.

export const opening = '⟦';
export const closing = '⟧';

/** Translations of short texts are often twice as long, those of sentences by a third. */
function padding(text: string): string {
  const words = Math.ceil(Math.max(4, text.length * 0.35) / 6);
  return ' ~~~~~'.repeat(words);
}

function pseudoArray(parts: readonly unknown[]): readonly unknown[] {
  const text = parts.filter((part) => typeof part === 'string').join('');
  return [opening, ...parts, `${padding(text)}${closing}`];
}

/**
 * A message, or an object of messages, in the pseudo-language.
 * @public imported by the module that pseudo-page.ts generates
 */
export function pseudo(message: unknown): unknown {
  if (typeof message === 'string') return message === '' ? '' : `${opening}${message}${padding(message)}${closing}`;
  if (typeof message === 'function')
    return (...given: unknown[]) => pseudo((message as (...args: unknown[]) => unknown)(...given));
  if (Array.isArray(message)) return pseudoArray(message);
  if (typeof message !== 'object' || message === null) throw new Error(`expected a message, found ${String(message)}`);
  return Object.fromEntries(Object.entries(message).map(([name, each]) => [name, pseudo(each)]));
}
