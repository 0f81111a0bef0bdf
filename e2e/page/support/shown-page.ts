import type { Page } from 'playwright-core';

/** What the table's view shows at one moment. */
export interface ShownPage {
  /** Monotonic time of the page. */
  readonly atMs: number;
  readonly search: string;
  /** The status in the top bar. */
  readonly status: string;
  /** How the rows are marked. */
  readonly mark: 'current' | 'stale' | 'outdated' | 'none';
  /** The largest age, in seconds, that the text of the mark allows: `14m ago` is less than 15 minutes. */
  readonly maxStatedAgeSeconds: number | undefined;
  /** `namespace/pod state serial` of each row. */
  readonly rows: readonly string[];
  readonly areRowsActionable: boolean;
  /** Text of the button that renews what matches, and whether it acts. */
  readonly renewAll: string;
  readonly canRenewAll: boolean;
  /** The open renewal dialog. */
  readonly dialog: ShownDialog | undefined;
}

interface ShownDialog {
  readonly pods: readonly string[];
  readonly isCurrent: boolean;
  readonly canRenew: boolean;
  readonly submit: string;
}

// Runs in the page, in one task, so that nothing changes in between.
const read = `(() => {
  const text = (node) => node?.textContent.trim() ?? '';
  const main = document.querySelector('#main');
  const table = main.querySelector('table');
  const datum = table?.closest('.datum') ?? main.querySelector('.empty')?.closest('.datum');
  const isMarked = (node) => node.classList.contains('stale') || node.classList.contains('outdated');
  const renewAll = [...document.querySelectorAll('.page-head button')].find((button) => text(button).startsWith('Renew all'));
  const dialog = document.querySelector('dialog[open]');
  const submit = dialog?.querySelector('button[type=submit]');
  const preview = dialog?.querySelector('.datum');
  return {
    atMs: performance.now(),
    search: location.search,
    status: text(document.querySelector('.live')),
    mark: datum == null ? 'none' : datum.classList.contains('stale') ? 'stale' : datum.classList.contains('outdated') ? 'outdated' : 'current',
    staleNote: text(main.querySelector('.stale-note')),
    rows: datum == null ? [] : [...main.querySelectorAll('tbody tr')].map((row) =>
      text(row.querySelector('.col-namespace')) + '/' + text(row.querySelector('.col-pod')) + ' ' + text(row.querySelector('.col-serial'))),
    areRowsActionable: [...main.querySelectorAll('tbody input')].some((box) => !box.disabled),
    renewAll: text(renewAll),
    canRenewAll: renewAll !== undefined && renewAll.getAttribute('aria-disabled') !== 'true',
    dialog: dialog === null ? undefined : {
      pods: [...dialog.querySelectorAll('.named li')].map((item) => item.firstChild.textContent + item.childNodes[1].textContent + item.childNodes[2].textContent.trim()),
      isCurrent: preview !== null && !isMarked(preview),
      canRenew: submit != null && !submit.disabled,
      submit: text(submit),
    },
  };
})()`;

const unitSeconds = new Map([
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
]);

/** The largest age, in seconds, that a text such as `…, 3m 20s ago.` allows; undefined if it states none. */
export function maxStatedAge(note: string): number | undefined {
  const stated = /((?:\d+[dhms] ?)+) ago/.exec(note)?.[1];
  if (stated === undefined) return undefined;
  let seconds = 0;
  let lastUnit = 1;
  for (const [, digits, letter = 's'] of stated.matchAll(/(\d+)([dhms])/g)) {
    lastUnit = unitSeconds.get(letter) ?? 1;
    seconds += Number(digits) * lastUnit;
  }
  // Below ten minutes, a text without seconds means zero seconds.
  return seconds + (seconds < 600 ? 1 : lastUnit);
}

export async function readPage(page: Page): Promise<ShownPage> {
  const { staleNote, ...shown } = await page.evaluate<Omit<ShownPage, 'maxStatedAgeSeconds'> & { staleNote: string }>(
    read,
  );
  return { ...shown, maxStatedAgeSeconds: maxStatedAge(staleNote) };
}
