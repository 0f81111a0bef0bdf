import type { Router } from '../routing/router.ts';

/** `/` focuses the view's search box, or opens the table of volumes when the view has none. */
export function startKeyboard(document: Document, router: Router): void {
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector('dialog[open]') !== null) return;
    event.preventDefault();
    if (focusSearch(document)) return;
    router.go('/volumes');
    requestAnimationFrame(() => void focusSearch(document));
  });
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
