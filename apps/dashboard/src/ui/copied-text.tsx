import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { useServices } from '../app/services.ts';
import { t } from '../messages/messages.ts';
import { Icon } from './icon.tsx';

const shownMs = 1500;

interface CopyProps {
  readonly text: string;
  /** What the button does, such as `Copy serial`. */
  readonly label: string;
}

export function CopyButton({ text, label }: CopyProps): JSX.Element {
  const { clock, toasts } = useServices();
  const [isDone, setDone] = useState(false);
  const copy = (): void => {
    copyText(text).then(
      () => {
        setDone(true);
        clock.schedule(shownMs, () => setDone(false));
      },
      () => toasts.say({ tone: 'refused', text: t.ui.noClipboard }),
    );
  };
  return (
    <button type="button" class="quiet icon-only copy" onClick={copy} aria-label={label} title={label}>
      <Icon name={isDone ? 'check' : 'copy'} />
    </button>
  );
}

/** Browsers provide a clipboard only in a secure context. */
export function copyText(text: string): Promise<void> {
  const clipboard = navigator.clipboard as Clipboard | undefined;
  return clipboard?.writeText(text) ?? Promise.reject(new Error('no clipboard'));
}

/** A text with a copy button. */
export function CopiedText({ text, label }: CopyProps): JSX.Element {
  return (
    <span class="copied">
      <span class="mono">{text}</span>
      <CopyButton text={text} label={label} />
    </span>
  );
}
