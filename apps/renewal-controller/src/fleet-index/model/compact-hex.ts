const mark = '~';
const hexForm = /^(?:[0-9a-f]{2}){8,}$/;

/**
 * Shortens fingerprints and serial numbers by a third: their bytes in base64url after a mark. Other text is unchanged.
 */
export function compactHex(text: string): string {
  if (hexForm.test(text)) return mark + Buffer.from(text, 'hex').toString('base64url');
  // Reports contain free text, which may start with the mark; base64url never does.
  return text.startsWith(mark) ? mark + text : text;
}

/** The inverse of `compactHex`. */
export function expandHex(text: string): string {
  if (!text.startsWith(mark)) return text;
  const rest = text.slice(mark.length);
  return rest.startsWith(mark) ? rest : Buffer.from(rest, 'base64url').toString('hex');
}
