/** A length such as `90d`, `720h`, `30m` or `10s`. */
export const lifetimePattern = '^[1-9][0-9]{0,6}[smhd]$';

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A length in milliseconds; not a number unless the text matches `lifetimePattern`. */
export function lifetimeMs(text: string): number {
  return Number(text.slice(0, -1)) * (unitMs[text.slice(-1)] ?? Number.NaN);
}
