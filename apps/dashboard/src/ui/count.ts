const whole = new Intl.NumberFormat('en');

/** A number with its thousands apart. */
export function formatCount(count: number): string {
  return whole.format(count);
}

/** A number with its noun, which gets an s unless it is one. */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}
