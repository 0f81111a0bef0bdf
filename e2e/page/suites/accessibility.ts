// axe on every view with its dialogs and menus, light and dark, on a laptop and on a phone.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { violationsOf } from '../support/axe.ts';
import { exampleFleet } from '../support/example-fleet.ts';
import { followLink } from '../support/follow-link.ts';
import { PageBrowser } from '../support/page-browser.ts';
import { PageFleet } from '../support/page-fleet.ts';

let browser: PageBrowser;
let fleet: PageFleet;

let lane = '';
let renewal = '';
const views = (): readonly string[] => [
  '/',
  '/volumes',
  '/volumes?search=nothing',
  '/volumes/worker-2/csi-mail',
  '/lanes',
  `/lanes/${lane}`,
  '/nodes',
  '/nodes/worker-1',
  '/at-risk',
  '/volumes?group=issuer',
  '/wall',
  '/pod-certificates',
  '/cas',
  '/renewals',
  '/rotations',
  `/renewals/${renewal}`,
  '/audit?who=x',
  '/audit',
  '/moon',
];

/** In an order in which colours and width change in turn: from each condition to the next, and both to the one after it. */
const conditions = [
  { colorScheme: 'light', width: 1280 },
  { colorScheme: 'light', width: 320 },
  { colorScheme: 'dark', width: 320 },
  { colorScheme: 'dark', width: 1280 },
] as const;

async function change(page: Page, { colorScheme, width }: (typeof conditions)[number]): Promise<void> {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height: 800 });
}

async function show(page: Page, path: string): Promise<void> {
  await followLink(page, path);
  await page.getByRole('heading', { level: 1 }).waitFor();
  if (path !== '/wall') await page.locator('.live-live').waitFor();
  await page.locator('.loading').first().waitFor({ state: 'detached' });
}

/**
 * Every view, with its dialogs and menus.
 * @param perView `sample`: each view in both colours and both widths; `all`: in each colour with each width
 */
export function accessibilitySuite(perView: 'sample' | 'all'): void {
  describe('accessibility of the page', { concurrency: false }, () => {
    before(async () => {
      fleet = await PageFleet.start(exampleFleet, ['--api-auth=none', '--pod-label=team']);
      await fleet.untilShown(6);
      const { lanes } = await fleet.controller.api<{ lanes: readonly { id: string; key: string }[] }>('lanes');
      lane = lanes.find(({ key }) => key.endsWith('/internal'))?.id ?? '';
      await fleet.controller.api(`lanes/${lane}/pause`, { method: 'POST', body: { reason: 'CHG-4411' } });
      const body = { selection: { query: { namespace: 'data' } }, reason: 'roll' };
      renewal = (await fleet.controller.api<{ id: string }>('renewals', { method: 'POST', body })).id;
      browser = await PageBrowser.launch();
    });

    afterEach(() => browser.closePages());

    after(async () => {
      await browser[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
    });

    test('axe reports nothing in any view, light and dark, on a laptop and on a phone', async () => {
      const page = await browser.open(`${fleet.url}/`);
      for (const [i, path] of views().entries()) {
        // Every fourth view is shown first in the same condition, and changes to the others in place.
        const first = i % conditions.length;
        const inOrder = [...conditions.slice(first), ...conditions.slice(0, first)];
        for (const condition of inOrder.filter((_, index) => perView === 'all' || index % 2 === 0)) {
          await change(page, condition);
          if (condition === conditions[first]) await show(page, path);
          assert.deepEqual(await violationsOf(page), [], `${path} ${JSON.stringify(condition)}`);
        }
      }
    });

    test('axe reports nothing in dialogs and menus, light and dark', async () => {
      const page = await browser.open(`${fleet.url}/volumes`);
      const look = async (what: string): Promise<void> => {
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme });
          assert.deepEqual(await violationsOf(page), [], `${what} ${colorScheme}`);
        }
      };
      await page.getByText('Views', { exact: true }).click();
      await look('views');
      await page.getByText('Columns', { exact: true }).click();
      await look('columns');
      await page.keyboard.press('Escape');
      await page.getByRole('separator', { name: 'Width of Pod' }).press('ArrowRight');
      await page.locator('table.sized').waitFor();
      await page.getByPlaceholder('Label team').focus();
      await page.locator('datalist option[value="payments"]').waitFor({ state: 'attached' });
      await look('a sized column and suggestions');
      await page.getByRole('button', { name: /^Renew all/ }).click();
      await page.getByRole('button', { name: /^Renew 6/ }).waitFor();
      await look('renewal');
    });
  });
}
