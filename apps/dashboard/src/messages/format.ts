import type { ComponentChild } from 'preact';

/** A message with elements in it. */
export type Rich = ComponentChild[];
/** Wraps a part of a message in an element, such as a link. */
export type Tag = (text: string) => ComponentChild;
/** An element in a message, such as a time that updates. */
export type Part = ComponentChild;

/** The texts of a count by the categories of CLDR; `#` is the count. */
type PluralForms = Readonly<Partial<Record<Intl.LDMLPluralRule, string>>> & { readonly other: string };

/** The digits of a time in a zone. */
interface DateDigits {
  readonly year: string;
  readonly month: string;
  readonly day: string;
  readonly hour: string;
  readonly minute: string;
  readonly second: string;
}

/** What the messages of a language are made with: the platform's rules of its locale. */
export interface Format {
  readonly locale: string;
  /** A number with separators. */
  readonly number: (value: number) => string;
  /** A number without separators, with this many decimal places, of at least two digits if `isPadded`. */
  readonly digits: (value: number, options?: { readonly places?: number; readonly isPadded?: boolean }) => string;
  readonly plural: (count: number, forms: PluralForms) => string;
  /** Names or short phrases one after another. */
  readonly list: (items: readonly string[]) => string;
  readonly dateDigits: (atMs: number, zone: 'local' | 'utc') => DateDigits;
  /** Day of the week, month and day. */
  readonly day: (atMs: number, zone: 'local' | 'utc') => string;
  /** A text with elements: rich`Go to the ${overview('overview')}.` */
  readonly rich: (texts: TemplateStringsArray, ...parts: readonly Part[]) => Rich;
}

export function formatOf(locale: string): Format {
  const whole = new Intl.NumberFormat(locale);
  const rules = new Intl.PluralRules(locale);
  const lists = new Intl.ListFormat(locale, { type: 'unit', style: 'short' });
  const ungrouped = onceFor(
    (key) =>
      new Intl.NumberFormat(locale, {
        useGrouping: false,
        minimumIntegerDigits: key.startsWith('2') ? 2 : 1,
        minimumFractionDigits: Number(key.slice(1)),
        maximumFractionDigits: Number(key.slice(1)),
      }),
  );
  const digitsOf = onceFor((zone) => new Intl.DateTimeFormat(locale, { ...digitOptions, ...zoneOption(zone) }));
  const dayOf = onceFor((zone) => new Intl.DateTimeFormat(locale, { ...dayOptions, ...zoneOption(zone) }));
  return {
    locale,
    number: (value) => whole.format(value),
    digits: (value, { places = 0, isPadded = false } = {}) => ungrouped(`${isPadded ? 2 : 1}${places}`).format(value),
    plural: (count, forms) => (forms[rules.select(count)] ?? forms.other).replace('#', () => whole.format(count)),
    list: (items) => lists.format(items),
    dateDigits: (atMs, zone) => {
      const found = isTime(atMs) ? digitsOf(zone).formatToParts(atMs) : [];
      const parts = new Map(found.map(({ type, value }) => [type, value]));
      const part = (name: keyof DateDigits): string => parts.get(name) ?? '–';
      const [year, month, day] = [part('year'), part('month'), part('day')];
      return { year, month, day, hour: part('hour'), minute: part('minute'), second: part('second') };
    },
    day: (atMs, zone) => (isTime(atMs) ? dayOf(zone).format(atMs) : '–'),
    rich: (texts, ...parts) =>
      texts.flatMap((text, i) => [text, ...parts.slice(i, i + 1)]).filter((each) => each !== ''),
  };
}

/** `Intl` throws for others, and a view must not fail for one. */
const isTime = (atMs: number): boolean => !Number.isNaN(new Date(atMs).getTime());

// Logs, Kubernetes and the API use the Gregorian calendar, and people compare with them.
const dayOptions = { calendar: 'gregory', weekday: 'short', month: 'short', day: 'numeric' } as const;
const digitOptions = {
  calendar: 'gregory',
  hourCycle: 'h23',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
} as const;

const zoneOption = (zone: string): Intl.DateTimeFormatOptions => (zone === 'utc' ? { timeZone: 'UTC' } : {});

/** The formats of `Intl` are expensive to make. */
function onceFor<Made>(make: (key: string) => Made): (key: string) => Made {
  const made = new Map<string, Made>();
  return (key) => {
    const found = made.get(key) ?? make(key);
    made.set(key, found);
    return found;
  };
}
