/** RFC 4514 text of a name as Node gives it: one attribute a line in the certificate's order, which the RFC reverses. */
export function distinguishedNameText(lines: string | undefined): string {
  return (lines ?? '').split('\n').reverse().join(',');
}
