/**
 * RFC 4514 text of a name in Node's form: one attribute per line in the certificate's order, which the RFC reverses.
 */
export function distinguishedNameText(lines: string | undefined): string {
  return (lines ?? '').split('\n').reverse().join(',');
}
