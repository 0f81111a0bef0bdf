const mark = '~';
const hexForm = /^(?:[0-9a-f]{2}){8,}$/;

/** Fingerprints and serial numbers in two thirds of their length: their bytes in base64url behind a mark. Other text stays. */
export function compactHex(text: string): string {
  if (hexForm.test(text)) return mark + Buffer.from(text, 'hex').toString('base64url');
  // A report is free text; base64url has no second mark.
  return text.startsWith(mark) ? mark + text : text;
}

/** What `compactHex` was given. */
export function expandHex(text: string): string {
  if (!text.startsWith(mark)) return text;
  const rest = text.slice(mark.length);
  return rest.startsWith(mark) ? rest : Buffer.from(rest, 'base64url').toString('hex');
}
