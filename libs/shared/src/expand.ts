/** A shell name as Go reads it after a `$`, and its length in characters. */
interface ShellName {
  readonly name: string;
  readonly length: number;
}

const specialName = /[*#$@!?0-9-]/y;
const bracedSpecialName = /\{([*#$@!?0-9-])\}/y;
const bracedName = /\{([^}]*)\}/y;
const plainName = /[A-Za-z0-9_]*/y;

function matchAt(pattern: RegExp, text: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(text);
}

function shellNameAt(text: string, position: number): ShellName {
  if (text[position] === '{') {
    const braced = matchAt(bracedSpecialName, text, position) ?? matchAt(bracedName, text, position);
    // Go drops an opening brace that is never closed.
    if (braced === null) return { name: '', length: 1 };
    return { name: braced[1] ?? '', length: braced[0].length };
  }
  const name = (matchAt(specialName, text, position) ?? matchAt(plainName, text, position))?.[0] ?? '';
  return { name, length: name.length };
}

/**
 * Replaces `$name` and `${name}` as Go's os.Expand does, including its special cases: `$*`, `$$` and `$1` are names of
 * one character, `${}` and an unclosed `${` disappear, and a `$` before anything else or at the end is kept.
 */
export function expand(text: string, valueOf: (name: string) => string): string {
  let expanded = '';
  let copiedTo = 0;
  for (let dollar = text.indexOf('$'); dollar !== -1; dollar = text.indexOf('$', copiedTo)) {
    expanded += text.slice(copiedTo, dollar);
    if (dollar === text.length - 1) return `${expanded}$`;
    const { name, length } = shellNameAt(text, dollar + 1);
    if (name !== '') expanded += valueOf(name);
    else if (length === 0) expanded += '$';
    copiedTo = dollar + 1 + length;
  }
  return expanded + text.slice(copiedTo);
}
