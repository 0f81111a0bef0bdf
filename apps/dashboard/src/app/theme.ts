import { storageOf } from './storage-of.ts';
import { Store } from './store.ts';

/** `system` follows the device's preference. */
export type ThemeName = 'system' | 'light' | 'dark';

const key = 'certfleet-theme';
const names: readonly ThemeName[] = ['system', 'light', 'dark'];

/** The light or dark theme, from the device or chosen; a choice is stored in this browser. */
export class Theme {
  readonly chosen: Store<ThemeName>;
  /** Counts theme changes, for components that draw with their own colours. */
  readonly changes = new Store(0);
  readonly #root: HTMLElement;
  readonly #storage: Storage | undefined;

  constructor(window: Window) {
    this.#root = window.document.documentElement;
    this.#storage = storageOf(window);
    this.chosen = new Store(names.find((name) => name === this.#storage?.getItem(key)) ?? 'system');
    window
      .matchMedia('(prefers-color-scheme: dark)')
      .addEventListener('change', () => this.changes.set(this.changes.value + 1));
    this.#apply();
  }

  choose(name: ThemeName): void {
    this.chosen.set(name);
    this.#storage?.setItem(key, name);
    this.#apply();
  }

  #apply(): void {
    this.#root.dataset['theme'] = this.chosen.value;
    this.changes.set(this.changes.value + 1);
  }
}
