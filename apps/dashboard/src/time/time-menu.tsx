import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { t } from '../messages/messages.ts';
import { Icon } from '../ui/icon.tsx';
import { Menu } from '../ui/menu.tsx';

const { menu } = t.time;

const zones = [
  ['local', menu.localTime],
  ['utc', t.time.utc],
] as const;
const forms = [
  ['relative', menu.relative],
  ['exact', menu.exact],
] as const;

/** Chooses the zone and the form of all times of the page, and pauses its updates. */
export function TimeMenu(): JSX.Element {
  const { times, paused } = useServices();
  const isPaused = useStore(paused);
  const { zone, form } = useStore(times.chosen);
  return (
    <Menu
      label={
        <>
          <Icon name="due" />
          <span class="visually-hidden">{menu.label}</span>
          <span class="time-zone">{zone === 'utc' ? t.time.utc : menu.local}</span>
        </>
      }
    >
      <fieldset>
        <legend class="visually-hidden">{menu.zone}</legend>
        {zones.map(([name, title]) => (
          <label key={name}>
            <input type="radio" name="zone" checked={zone === name} onChange={() => times.choose({ zone: name })} />
            {title}
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend class="visually-hidden">{menu.form}</legend>
        {forms.map(([name, title]) => (
          <label key={name}>
            <input type="radio" name="form" checked={form === name} onChange={() => times.choose({ form: name })} />
            {title}
          </label>
        ))}
      </fieldset>
      <label>
        <input type="checkbox" checked={isPaused} onChange={() => paused.set(!isPaused)} />
        {menu.pause}
      </label>
    </Menu>
  );
}
