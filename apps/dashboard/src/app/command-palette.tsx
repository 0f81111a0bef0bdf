import type { JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { t } from '../messages/messages.ts';
import { Modal } from '../ui/modal.tsx';
import { commandsFor } from './commands.ts';
import type { PaletteCommand } from './commands.ts';
import { useServices } from './services.ts';

/** Views, settings and searches by name: a combo box with a list. */
export function CommandPalette({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const services = useServices();
  const [typed, setTyped] = useState('');
  const [active, setActive] = useState(0);
  const listId = useId();
  const commands = commandsFor(services, typed);
  const at = Math.min(active, commands.length - 1);
  const run = (command: PaletteCommand | undefined): void => {
    if (command === undefined) return;
    onClose();
    command.run();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    setActive((at + step + commands.length) % commands.length);
  };
  return (
    <Modal title={t.app.palette.title} onClose={onClose}>
      <form
        class="palette"
        onSubmit={(event) => {
          event.preventDefault();
          run(commands[at]);
        }}
      >
        <input
          type="search"
          role="combobox"
          list={undefined}
          aria-label={t.app.palette.label}
          aria-expanded="true"
          aria-controls={listId}
          aria-activedescendant={`${listId}-${at}`}
          placeholder={t.app.palette.placeholder}
          autocomplete="off"
          spellcheck={false}
          autoFocus
          value={typed}
          onKeyDown={onKeyDown}
          onInput={(event) => {
            setTyped(event.currentTarget.value);
            setActive(0);
          }}
        />
        <CommandList id={listId} commands={commands} at={at} onRun={run} />
      </form>
    </Modal>
  );
}

interface CommandListProps {
  readonly id: string;
  readonly commands: readonly PaletteCommand[];
  /** Index of the active command. */
  readonly at: number;
  readonly onRun: (command: PaletteCommand) => void;
}

function CommandList({ id, commands, at, onRun }: CommandListProps): JSX.Element {
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => list.current?.children[at]?.scrollIntoView({ block: 'nearest' }), [at]);
  return (
    <ul id={id} ref={list} role="listbox" aria-label={t.app.palette.title}>
      {commands.map((command, i) => (
        <li key={command.title} id={`${id}-${i}`} role="option" aria-selected={i === at} onClick={() => onRun(command)}>
          {command.title}
        </li>
      ))}
    </ul>
  );
}
