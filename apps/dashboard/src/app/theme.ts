import { Store } from './store.ts';

/** `system` follows what the device prefers. */
export type ThemeName = 'system' | 'light' | 'dark';

const key = 'certfleet-theme';
const names: readonly ThemeName[] = ['system', 'light', 'dark'];

/** Light or dark, by the device or by choice; a choice is remembered in this browser. */
export class Theme {
  readonly chosen: Store<ThemeName>;
  /** Counts changes of what is in force, for what draws its colours itself. */
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

/** A browser may forbid storage; then a choice lasts as long as the page. */
function storageOf(window: Window): Storage | undefined {
  try {
    return window.localStorage;
  } catch {
    return undefined;
  }
}
