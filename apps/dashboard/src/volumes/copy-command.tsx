import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { t } from '../messages/messages.ts';
import { copyText } from '../ui/copied-text.tsx';

const texts = t.volumes.tools;

export interface CopyCommandProps {
  /** Undefined: there is no such command, and no button. */
  readonly command: string | undefined;
  readonly title: string;
  readonly look: 'menu-item' | 'quiet';
}

/** Copies a command, and shows it. */
export function CopyCommand({ command, title, look }: CopyCommandProps): JSX.Element | null {
  const { toasts } = useServices();
  if (command === undefined) return null;
  const copy = (): void =>
    void copyText(command).then(
      () => toasts.say({ tone: 'done', text: texts.copied(command) }),
      () => toasts.say({ tone: 'refused', text: texts.notCopied(command) }),
    );
  return (
    <button type="button" class={look} onClick={copy}>
      {title}
    </button>
  );
}
