import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { t } from '../messages/messages.ts';
import { Icon } from '../ui/icon.tsx';
import { Menu } from '../ui/menu.tsx';
import type { RememberedTable } from './table-memory.ts';

const texts = t.volumes.tools;

export interface ColumnsMenuProps<Name extends string> {
  readonly path: RememberedTable;
  /** All columns of the table, in order. */
  readonly columns: readonly { readonly name: Name; readonly title: string }[];
  readonly shown: readonly Name[];
  readonly onChange: (shown: readonly Name[]) => void;
}

/** Selects the columns of a table and the density of its rows, which the browser remembers. */
export function ColumnsMenu<Name extends string>(props: ColumnsMenuProps<Name>): JSX.Element {
  const { path, columns, shown, onChange } = props;
  const { tables } = useServices();
  const toggle = (name: Name): void => {
    const wanted = columns.map((each) => each.name).filter((each) => (each === name) !== shown.includes(each));
    if (wanted.length === 0) return;
    tables.chooseColumns(path, wanted);
    onChange(wanted);
  };
  return (
    <Menu
      label={
        <>
          <Icon name="columns" /> {texts.columns}
        </>
      }
    >
      <fieldset>
        <legend class="visually-hidden">{texts.columnsShown}</legend>
        {columns.map(({ name, title }) => (
          <label key={name}>
            <input type="checkbox" checked={shown.includes(name)} onChange={() => toggle(name)} />
            {title}
          </label>
        ))}
      </fieldset>
      <DensityOption />
      <WidthsReset path={path} />
    </Menu>
  );
}

function WidthsReset({ path }: { readonly path: RememberedTable }): JSX.Element | null {
  const { tables } = useServices();
  const { widths } = useStore(tables.remembered);
  if (Object.keys(widths[path] ?? {}).length === 0) return null;
  return (
    <button type="button" class="menu-item" onClick={() => tables.chooseWidths(path, {})}>
      {texts.resetWidths}
    </button>
  );
}

function DensityOption(): JSX.Element {
  const { tables } = useServices();
  const { isCompact } = useStore(tables.remembered);
  return (
    <label>
      <input type="checkbox" checked={isCompact} onChange={() => tables.chooseDensity(!isCompact)} />
      {texts.compact}
    </label>
  );
}
