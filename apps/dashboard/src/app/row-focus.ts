const rows = '#main tbody tr';

/** Moves the focus to the first link of another row of the tables; from outside of them, to the first row. */
export function focusRow(document: Document, step: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>(rows)].flatMap((row) => linkOf(row) ?? []);
  const current = document.activeElement?.closest('tr');
  const at = links.findIndex((link) => link.closest('tr') === current);
  const next = at < 0 ? links[0] : links[at + step];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

const linkOf = (row: HTMLElement): HTMLElement | null => row.querySelector<HTMLElement>('a[href]');

/** Selects the row with the focus, or clears its selection; as a range, with the rows from the one before. */
export function pickRow(document: Document, { isRange }: { readonly isRange: boolean }): void {
  const box = document.activeElement?.closest(rows)?.querySelector<HTMLElement>('.pick input');
  box?.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, shiftKey: isRange }));
}

/** Shows or hides the details of the row with the focus. */
export function toggleDetails(document: Document): void {
  document.activeElement?.closest(rows)?.querySelector<HTMLElement>('.pick button')?.click();
}
