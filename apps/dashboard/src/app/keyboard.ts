import type { Router } from '../routing/router.ts';
import { focusRow, pickRow, toggleDetails } from './row-focus.ts';
import type { Services } from './services.ts';

type Keys = Pick<Services, 'router' | 'session' | 'overlay' | 'paused' | 'times'>;

/** The keys of the page; ShortcutsDialog lists them. */
export function startKeyboard(document: Document, services: Keys): void {
  document.addEventListener('keydown', (event) => {
    if (services.session.session === undefined || document.querySelector('dialog[open]') !== null) return;
    const act = isPalette(event) ? (): void => services.overlay.set('palette') : actionOf(event, document, services);
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
}

/** Also while typing. */
const isPalette = ({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): boolean =>
  key.toLowerCase() === 'k' && (ctrlKey || metaKey) && !altKey && !shiftKey;

function actionOf(
  { key, ctrlKey, metaKey, altKey, target }: KeyboardEvent,
  document: Document,
  { router, overlay, paused, times }: Keys,
): (() => void) | undefined {
  if (ctrlKey || metaKey || altKey || isTyping(target)) return undefined;
  const { zone, form } = times.chosen.value;
  const actions: Readonly<Record<string, () => void>> = {
    '/': () => search(document, router),
    '?': () => overlay.set('shortcuts'),
    j: () => focusRow(document, 1),
    k: () => focusRow(document, -1),
    x: () => pickRow(document, { isRange: false }),
    X: () => pickRow(document, { isRange: true }),
    e: () => toggleDetails(document),
    p: () => paused.set(!paused.value),
    t: () => times.choose({ form: form === 'exact' ? 'relative' : 'exact' }),
    u: () => times.choose({ zone: zone === 'utc' ? 'local' : 'utc' }),
  };
  return Object.hasOwn(actions, key) ? actions[key] : undefined;
}

/** Focuses the view's search box, or opens the table of volumes when the view has none. */
function search(document: Document, router: Router): void {
  if (focusSearch(document)) return;
  router.go('/volumes');
  requestAnimationFrame(() => void focusSearch(document));
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches('input:not([type=checkbox]), textarea, select');
}

function focusSearch(document: Document): boolean {
  const box = document.querySelector<HTMLInputElement>('input[data-search]');
  box?.focus();
  box?.select();
  return box !== null;
}
