import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { VolumeGroupSelect } from '../groups/volume-group-select.tsx';
import { t } from '../messages/messages.ts';
import { Icon } from '../ui/icon.tsx';
import { Menu } from '../ui/menu.tsx';
import { certfleetCommand } from './certfleet-command.ts';
import { columnNames } from './column-names.ts';
import { ColumnsMenu } from './columns-menu.tsx';
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

/** Saved views, groups, columns and export. */
export function TableTools({ view, onChange }: TableToolsProps): JSX.Element {
  const { serverClock } = useServices();
  return (
    <>
      <ViewsMenu path={view.path} />
      <VolumeGroupSelect view={view} onChange={onChange} />
      <ColumnsMenu
        path={view.path}
        columns={columnNames.map((name) => ({ name, title: volumeColumns[name].title }))}
        shown={view.columns}
        onChange={(columns) => onChange({ ...view, columns })}
      />
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
