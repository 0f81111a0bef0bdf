import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { t } from '../messages/messages.ts';
import { Icon } from './icon.tsx';

/** Recent messages, announced by screen readers. */
export function ToastList(): JSX.Element {
  const { toasts } = useServices();
  const shown = useStore(toasts.shown);
  return (
    <div class="toasts" role="status">
      {shown.map(({ id, tone, text, link }) => (
        <div class={`toast toast-${tone}`} key={id}>
          <Icon name={tone === 'done' ? 'check' : 'info'} />
          <p>
            {text} {link && <a href={link.href}>{link.text}</a>}
          </p>
          <button type="button" class="quiet icon-only" aria-label={t.ui.dismiss} onClick={() => toasts.dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
