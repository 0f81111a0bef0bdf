import { Store } from '../app/store.ts';
import { absoluteTime } from './relative-time.ts';
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
}

function parsed(text: string): ChosenTimes {
  const [zone, form] = text.split(' ');
  return {
    zone: zone === 'utc' || zone === 'local' ? zone : usual.zone,
    form: form === 'exact' || form === 'relative' ? form : usual.form,
  };
}
