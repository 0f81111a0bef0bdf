/** A threshold as a number of volumes or pod certificates; a percentage is rounded up. */
export function limitOf(threshold: number | string, total: number): number {
  if (typeof threshold === 'number') return Math.max(0, threshold);
  return Math.ceil((total * Number.parseInt(threshold, 10)) / 100);
}
