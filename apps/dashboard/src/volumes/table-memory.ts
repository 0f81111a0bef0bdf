import { Store } from '../app/store.ts';
import { t } from '../messages/messages.ts';
import { minWidth, maxWidth } from '../ui/column-widths.ts';
import { podCertificateColumnNames } from '../pod-certificates/pod-certificate-column-names.ts';
import { columnNames } from './column-names.ts';

/** The columns of the tables that are remembered, by path. */
const columnsByPath = {
  '/volumes': columnNames,
  '/at-risk': columnNames,
  '/pod-certificates': podCertificateColumnNames,
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** The path of a table that is remembered. */
export type RememberedTable = keyof typeof columnsByPath;
const paths = Object.keys(columnsByPath) as readonly RememberedTable[];
const isColumnOf = (path: RememberedTable, word: unknown): word is string =>
  columnsByPath[path].some((name) => name === word);

/** A table that the user has saved: the path and the query of its address. */
interface SavedView {
  readonly name: string;
  readonly path: string;
  readonly search: string;
}

interface RememberedTables {
  /** Columns by the path of the table. */
  readonly columns: Readonly<Partial<Record<RememberedTable, readonly string[]>>>;
  /** Widths in pixels, by the path of the table and the column. */
  readonly widths: Readonly<Partial<Record<RememberedTable, Readonly<Record<string, number>>>>>;
  readonly isCompact: boolean;
  readonly views: readonly SavedView[];
}

const key = 'certfleet-tables';
export const maxViews = 20;
const maxName = 60;
const maxSearch = 2_000;
const nothing: RememberedTables = { columns: {}, widths: {}, isCompact: false, views: [] };

/** What this browser remembers about the tables of volumes and of pod certificates. Without storage, it lasts until the page is closed. */
export class TableMemory {
  readonly remembered: Store<RememberedTables>;
  readonly #storage: Pick<Storage, 'getItem' | 'setItem'> | undefined;

  constructor(storage: Pick<Storage, 'getItem' | 'setItem'> | undefined) {
    this.#storage = storage;
    this.remembered = new Store(parsed(storage?.getItem(key) ?? ''));
  }

  chooseColumns(path: RememberedTable, columns: readonly string[]): void {
    this.#change({ columns: { ...this.remembered.value.columns, [path]: columns } });
  }

  /** @param widths of all columns; empty for the usual ones */
  chooseWidths(path: RememberedTable, widths: Readonly<Record<string, number>>): void {
    const { widths: before } = this.remembered.value;
    // The widths of columns that are not shown now are kept.
    const chosen = Object.keys(widths).length === 0 ? {} : { ...before[path], ...widths };
    this.#change({ widths: { ...before, [path]: chosen } });
  }

  chooseDensity(isCompact: boolean): void {
    this.#change({ isCompact });
  }

  /**
   * Saves a table under a name, instead of an earlier one of this name.
   * @returns why it cannot be saved; undefined if it was
   */
  save(view: SavedView): string | undefined {
    const name = view.name.trim().slice(0, maxName);
    const others = this.remembered.value.views.filter((each) => each.name !== name);
    if (name === '') return t.volumes.saved.noName;
    if (view.search.length > maxSearch) return t.volumes.saved.tooLong;
    if (others.length >= maxViews) return t.volumes.saved.tooMany(maxViews);
    this.#change({ views: [...others, { ...view, name }].sort((a, b) => (a.name < b.name ? -1 : 1)) });
    return undefined;
  }

  forget(name: string): void {
    this.#change({ views: this.remembered.value.views.filter((each) => each.name !== name) });
  }

  #change(change: Partial<RememberedTables>): void {
    this.remembered.set({ ...this.remembered.value, ...change });
    try {
      this.#storage?.setItem(key, JSON.stringify(this.remembered.value));
    } catch {
      // The storage is full or denied.
    }
  }
}

/** Storage may contain anything: of another release, or changed by the user. */
function parsed(text: string): RememberedTables {
  if (text.length > maxViews * maxSearch * 2) return nothing;
  try {
    const { columns, widths, isCompact, views } = fieldsOf(JSON.parse(text));
    return {
      columns: columnsOf(columns),
      widths: widthsOf(widths),
      isCompact: isCompact === true,
      views: viewsOf(views),
    };
  } catch {
    return nothing;
  }
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function columnsOf(value: unknown): RememberedTables['columns'] {
  const given = fieldsOf(value);
  return Object.fromEntries(
    paths.flatMap((path) => {
      const names = new Set(listOf(given[path]).filter((name) => isColumnOf(path, name)));
      return names.size === 0 ? [] : [[path, [...names]] as const];
    }),
  );
}

function widthsOf(value: unknown): RememberedTables['widths'] {
  const given = fieldsOf(value);
  return Object.fromEntries(
    paths.flatMap((path) => {
      const widths = Object.entries(fieldsOf(given[path])).filter(
        ([name, width]) => isColumnOf(path, name) && Number(width) >= minWidth && Number(width) <= maxWidth,
      );
      return widths.length === 0 ? [] : [[path, Object.fromEntries(widths) as Record<string, number>] as const];
    }),
  );
}

function viewsOf(value: unknown): readonly SavedView[] {
  return listOf(value)
    .map(fieldsOf)
    .flatMap(({ name, path, search }): SavedView[] => {
      if (typeof name !== 'string' || typeof path !== 'string' || typeof search !== 'string') return [];
      const isUsable = name !== '' && name.length <= maxName && search.length <= maxSearch;
      return isUsable && paths.some((each) => each === path) && /^(\?|$)/.test(search) ? [{ name, path, search }] : [];
    })
    .slice(0, maxViews);
}
