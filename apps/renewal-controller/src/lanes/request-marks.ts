/**
 * Splits the stored marks of the bulk renewals that request a renewal: comma-separated ids, with a `!` before an id
 * whose request ignores windows.
 */
export function requestMarks(value: string | null): readonly string[] {
  return value === null || value === '' ? [] : value.split(',');
}
