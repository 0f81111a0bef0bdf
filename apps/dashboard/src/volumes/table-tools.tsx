import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { VolumeGroupSelect } from '../groups/volume-group-select.tsx';
import { t } from '../messages/messages.ts';
import { Icon } from '../ui/icon.tsx';
import { Menu } from '../ui/menu.tsx';
import { certfleetCommand } from './certfleet-command.ts';
import { columnNames } from './column-names.ts';
import type { ColumnName } from './column-names.ts';
import { volumeColumns } from './columns.tsx';
import { CopyCommand } from './copy-command.tsx';
import { kubectlCommand } from './kubectl-command.ts';
import { exportHref } from './volumes-view.ts';
import { ViewsMenu } from './views-menu.tsx';
import type { VolumesView } from './volumes-view.ts';

const texts = t.volumes.tools;

export interface TableToolsProps {
  readonly view: VolumesView;
  readonly onChange: (view: VolumesView) => void;
}

/** Column selection and export. */
export function TableTools({ view, onChange }: TableToolsProps): JSX.Element {
  const { serverClock, tables } = useServices();
  const toggle = (name: ColumnName): void => {
    const columns = columnNames.filter((each) => (each === name) !== view.columns.includes(each));
    if (columns.length === 0) return;
    tables.chooseColumns(view.path, columns);
    onChange({ ...view, columns });
  };
  return (
    <>
      <ViewsMenu path={view.path} />
      <VolumeGroupSelect view={view} onChange={onChange} />
      <Menu
        label={
          <>
            <Icon name="columns" /> {texts.columns}
          </>
        }
      >
        <fieldset>
          <legend class="visually-hidden">{texts.columnsShown}</legend>
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
            <Icon name="download" /> {t.common.export}
          </>
        }
      >
        <a class="menu-item" href={exportHref(view, 'csv', serverClock.now())} download="volumes.csv">
          {t.common.asCsv}
        </a>
        <a class="menu-item" href={exportHref(view, 'json', serverClock.now())} download="volumes.json">
          {t.common.asJson}
        </a>
        <CopyCommand command={certfleetCommand(view)} title={texts.copyCommand} look="menu-item" />
        <CopyCommand command={kubectlCommand(view)} title={texts.copyKubectl} look="menu-item" />
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
