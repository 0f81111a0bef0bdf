import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { usePlace, useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { t } from '../messages/messages.ts';
import { Menu } from '../ui/menu.tsx';
import type { RememberedTable } from './table-memory.ts';

const texts = t.volumes.saved;

/** The tables that the user has saved in this browser. */
export function ViewsMenu({ path }: { readonly path: RememberedTable }): JSX.Element {
  const { tables } = useServices();
  const { views } = useStore(tables.remembered);
  const { search } = usePlace();
  const [name, setName] = useState('');
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const save = (): void => {
    const why = tables.save({ name, path, search });
    setProblem(why);
    if (why === undefined) setName('');
  };
  return (
    <Menu label={texts.title}>
      {views.length === 0 && <p class="dim small">{texts.none}</p>}
      {views.map((view) => (
        <div class="saved-view" key={view.name}>
          <a class="menu-item" href={`${view.path}${view.search}`}>
            {view.name}
          </a>
          <button
            type="button"
            class="quiet"
            aria-label={texts.delete(view.name)}
            onClick={() => tables.forget(view.name)}
          >
            ×
          </button>
        </div>
      ))}
      <form
        class="saved-view"
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <input
          type="text"
          aria-label={texts.name}
          placeholder={texts.name}
          maxLength={60}
          autocomplete="off"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button type="submit">{texts.save}</button>
      </form>
      {problem !== undefined && (
        <p class="bad small" role="alert">
          {problem}
        </p>
      )}
    </Menu>
  );
}
