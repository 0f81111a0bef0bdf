const whole = new Intl.NumberFormat('en');

/** A number with thousands separators. */
export function formatCount(count: number): string {
  return whole.format(count);
}

/** A number with its noun, with a plural s except for one. */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}
