import type { JSX } from 'preact';
import { Modal } from '../ui/modal.tsx';

const shortcuts = [
  ['/', 'Search the view, or the volumes'],
  ['Ctrl K', 'Commands: go to a view, change a setting, search'],
  ['j, k', 'Next and previous row of a table; Enter opens it'],
  ['x', 'Select the row, or clear its selection'],
  ['e', 'Details of the row, without leaving the table'],
  ['p', 'Pause live updates, or continue'],
  ['t', 'Times relative to now, or exact'],
  ['u', 'Times in local time, or in UTC'],
  ['?', 'This list'],
  ['Esc', 'Close a dialog or a menu'],
] as const;

/** The keys of the page. */
export function ShortcutsDialog({ onClose }: { readonly onClose: () => void }): JSX.Element {
  return (
    <Modal title="Keyboard shortcuts" onClose={onClose}>
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
          Close
        </button>
      </div>
    </Modal>
  );
}
