/**
 * Which bulk renewals want a renewal, by what Redis holds for it: their ids, each with `!` before it when it does not
 * wait for windows, with commas between them.
 */
export function requestMarks(value: string | null): readonly string[] {
  return value === null || value === '' ? [] : value.split(',');
}
