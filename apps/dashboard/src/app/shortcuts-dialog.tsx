import type { JSX } from 'preact';
import { t } from '../messages/messages.ts';
import { Modal } from '../ui/modal.tsx';

const texts = t.app.shortcuts;
const shortcuts = [
  ['/', texts.search],
  [texts.controlKey, texts.palette],
  [texts.rowKeys, texts.rows],
  ['x', texts.select],
  [texts.rangeKey, texts.selectRange],
  ['e', texts.details],
  ['p', texts.pause],
  ['t', texts.form],
  ['u', texts.zone],
  ['?', texts.list],
  [texts.escapeKey, texts.close],
] as const;

/** The keys of the page. */
export function ShortcutsDialog({ onClose }: { readonly onClose: () => void }): JSX.Element {
  return (
    <Modal title={texts.title} onClose={onClose}>
      <dl class="fact-list">
        {shortcuts.map(([keys, action]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{action}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-actions">
        <button type="button" onClick={onClose}>
          {t.common.close}
        </button>
      </div>
    </Modal>
  );
}
