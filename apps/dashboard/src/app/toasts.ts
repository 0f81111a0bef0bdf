import type { Clock } from '@certfleet/shared/clock.ts';
import { Store } from './store.ts';

export interface Toast {
  readonly id: number;
  readonly tone: 'done' | 'refused';
  readonly text: string;
  readonly link?: { readonly href: string; readonly text: string };
}

const shownMs = 8000;
const maxToasts = 3;

/** Short messages at the edge of the page. */
export class Toasts {
  readonly shown = new Store<readonly Toast[]>([]);
  readonly #clock: Clock;
  #lastId = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  say(toast: Omit<Toast, 'id'>): void {
    const id = ++this.#lastId;
    this.shown.set([...this.shown.value, { ...toast, id }].slice(-maxToasts));
    // An error stays until it is dismissed, so that it is read.
    if (toast.tone === 'done') this.#clock.schedule(shownMs, () => this.dismiss(id));
  }

  dismiss(id: number): void {
    this.shown.set(this.shown.value.filter((toast) => toast.id !== id));
  }
}
