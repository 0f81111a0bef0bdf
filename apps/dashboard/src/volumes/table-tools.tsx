import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { GroupSelect } from '../groups/group-select.tsx';
import { copyText } from '../ui/copied-text.tsx';
import { Icon } from '../ui/icon.tsx';
import { Menu } from '../ui/menu.tsx';
import { certfleetCommand } from './certfleet-command.ts';
import { columnNames } from './column-names.ts';
import type { ColumnName } from './column-names.ts';
import { volumeColumns } from './columns.tsx';
import { exportHref } from './volumes-view.ts';
import { ViewsMenu } from './views-menu.tsx';
import type { VolumesView } from './volumes-view.ts';

export interface TableToolsProps {
  readonly view: VolumesView;
  readonly onChange: (view: VolumesView) => void;
}

/** Column selection and export. */
export function TableTools({ view, onChange }: TableToolsProps): JSX.Element {
  const { serverClock, toasts, tables } = useServices();
  const command = certfleetCommand(view);
  const copyCommand = (): void =>
    void copyText(command ?? '').then(
      () => toasts.say({ tone: 'done', text: `Copied: ${command}` }),
      () => toasts.say({ tone: 'refused', text: `The browser does not allow copying: ${command}` }),
    );
  const toggle = (name: ColumnName): void => {
    const columns = columnNames.filter((each) => (each === name) !== view.columns.includes(each));
    if (columns.length === 0) return;
    tables.chooseColumns(view.path, columns);
    onChange({ ...view, columns });
  };
  return (
    <>
      <ViewsMenu path={view.path} />
      <GroupSelect view={view} onChange={onChange} />
      <Menu
        label={
          <>
            <Icon name="columns" /> Columns
          </>
        }
      >
        <fieldset>
          <legend class="visually-hidden">Columns shown</legend>
          {columnNames.map((name) => (
            <label key={name}>
              <input type="checkbox" checked={view.columns.includes(name)} onChange={() => toggle(name)} />
              {volumeColumns[name].title}
            </label>
          ))}
        </fieldset>
        <DensityOption />
        <WidthsReset path={view.path} />
      </Menu>
      <Menu
        label={
          <>
            <Icon name="download" /> Export
          </>
        }
      >
        <a class="menu-item" href={exportHref(view, 'csv', serverClock.now())} download="volumes.csv">
          As CSV
        </a>
        <a class="menu-item" href={exportHref(view, 'json', serverClock.now())} download="volumes.json">
          As JSON
        </a>
        {command !== undefined && (
          <button type="button" class="menu-item" onClick={copyCommand}>
            Copy as certfleet command
          </button>
        )}
      </Menu>
    </>
  );
}

function WidthsReset({ path }: { readonly path: string }): JSX.Element | null {
  const { tables } = useServices();
  const { widths } = useStore(tables.remembered);
  if (Object.keys(widths[path] ?? {}).length === 0) return null;
  return (
    <button type="button" class="menu-item" onClick={() => tables.chooseWidths(path, {})}>
      Reset the widths
    </button>
  );
}

function DensityOption(): JSX.Element {
  const { tables } = useServices();
  const { isCompact } = useStore(tables.remembered);
  return (
    <label>
      <input type="checkbox" checked={isCompact} onChange={() => tables.chooseDensity(!isCompact)} />
      Compact rows
    </label>
  );
}
