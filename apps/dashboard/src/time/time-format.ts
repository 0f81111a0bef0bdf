import { Store } from '../app/store.ts';
import { format, t } from '../messages/messages.ts';
import { absoluteTime, zoneName } from './relative-time.ts';
import type { Zone } from './relative-time.ts';

/** Whether times are shown relative to now, or as dates. */
type TimeForm = 'relative' | 'exact';

export interface ChosenTimes {
  readonly zone: Zone;
  readonly form: TimeForm;
}

const key = 'certfleet-times';
const usual: ChosenTimes = { zone: 'local', form: 'relative' };

/** The one zone and form of all times of the page; a choice is stored in this browser. */
export class TimeFormat {
  readonly chosen: Store<ChosenTimes>;
  readonly #storage: Pick<Storage, 'getItem' | 'setItem'> | undefined;

  constructor(storage: Pick<Storage, 'getItem' | 'setItem'> | undefined) {
    this.#storage = storage;
    this.chosen = new Store(parsed(storage?.getItem(key) ?? ''));
  }

  choose(change: Partial<ChosenTimes>): void {
    this.chosen.set({ ...this.chosen.value, ...change });
    const { zone, form } = this.chosen.value;
    this.#storage?.setItem(key, `${zone} ${form}`);
  }

  /** A time with its zone: `2026-11-26 21:45:10 +01:00`, or with `UTC`. */
  absolute(atMs: number): string {
    return absoluteTime(atMs, this.chosen.value.zone);
  }

  /**
   * A text of the controller, which states a time in UTC, in the chosen zone.
   * @param at the time that the text states
   */
  inZone(text: string, at: string | undefined): string {
    if (at === undefined || this.chosen.value.zone === 'utc') return text;
    const clock = `${at.slice(11, 16)} UTC`;
    const stated = [`${at.slice(0, 10)} ${clock}`, clock].find((each) => text.includes(each));
    if (stated === undefined) return text;
    const atMs = Date.parse(at);
    const digits = format.dateDigits(atMs, 'local');
    const time = `${t.time.clockOfDay(digits)} ${zoneName(atMs, 'local')}`;
    return text.replace(stated, stated === clock ? time : `${t.time.date(digits)} ${time}`);
  }
}

function parsed(text: string): ChosenTimes {
  const [zone, form] = text.split(' ');
  return {
    zone: zone === 'utc' || zone === 'local' ? zone : usual.zone,
    form: form === 'exact' || form === 'relative' ? form : usual.form,
  };
}
