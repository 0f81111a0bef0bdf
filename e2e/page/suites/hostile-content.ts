// Names and texts that pods and issuers can choose, and environments in which the page must remain usable.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { violationsOf } from '../support/axe.ts';
import { PageBrowser } from '../support/page-browser.ts';
import { PageFleet } from '../support/page-fleet.ts';
import { wholeResponse } from '../support/whole-response.ts';

const longNode = `node-${'x'.repeat(237)}`;
const error = 'denied \u202eyb dengis\u202c by policy';
const views = [
  '/',
  '/at-risk',
  '/volumes',
  '/volumes?group=node',
  '/lanes',
  '/nodes',
  '/cas',
  '/renewals',
  '/audit',
  '/wall',
];
/** From a phone to a large screen; 640 px is a window of 1,280 px at 200 %. */
const widths = [390, 640, 1_920];

let browser: PageBrowser;
let fleet: PageFleet;

const open = (path: string, width: number): Promise<Page> =>
  browser.open(`${fleet.url}${path}`, { viewport: { width, height: 900 } });

const widthOf = (page: Page): Promise<number> => page.evaluate<number>('document.documentElement.scrollWidth');

/**
 * Hostile names, narrow and wide windows, forced colours, and a controller that is away.
 * @param perView `sample`: each view in one width; `all`: in each width
 */
export function hostileContentSuite(perView: 'sample' | 'all'): void {
  describe('hostile content of the page', { concurrency: false }, () => {
    before(async () => {
      fleet = await PageFleet.start({
        [longNode]: { 'csi-web': { pod: 'web-1', failure: { message: error, attempts: 2 } } },
        'worker-1': { 'csi-db': { pod: 'db-1' } },
      });
      await fleet.untilShown(2);
      browser = await PageBrowser.launch();
    });

    afterEach(() => browser.closePages());

    after(async () => {
      await browser[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
    });

    test('a long name is cut, leaves all columns on the screen, and its view shows it in full', async () => {
      const page = await open('/volumes', 1_280);
      const last = page.getByRole('columnheader', { name: 'Last error' });
      await page.getByRole('link', { name: 'web-1' }).waitFor();
      const box = await last.boundingBox();
      assert.ok(box !== null && box.x + box.width <= 1_280, 'the last column is off the screen');
      const link = page.getByRole('link', { name: longNode });
      await link.focus();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: longNode }).waitFor();
      assert.ok((await widthOf(page)) <= 1_280, 'the heading is wider than the window');
    });

    test('a change of the direction of text is visible, and changes nothing', async () => {
      const page = await open('/volumes?columns=pod,error', 1_280);
      await page.getByText('denied ⟨U+202E⟩yb dengis⟨U+202C⟩ by policy').first().waitFor();
    });

    test('axe reports nothing from 390 to 1,920 px, with 200 % zoom, and with forced colours', async () => {
      for (const [i, width] of widths.entries()) {
        const page = await open('/', width);
        for (const view of views.filter((_, at) => perView === 'all' || at % widths.length === i)) {
          await page.goto(`${fleet.url}${view}`);
          await page.getByRole('heading', { level: 1 }).waitFor();
          await page.locator('.loading').first().waitFor({ state: 'detached' });
          for (const forcedColors of ['none', 'active'] as const) {
            await page.emulateMedia({ forcedColors });
            assert.deepEqual(await violationsOf(page), [], `${view} with ${width} px, forced colours ${forcedColors}`);
          }
          assert.ok((await widthOf(page)) <= width, `${view} is wider than ${width} px`);
        }
      }
    });

    test('on a phone all targets in a table of volumes have at least 24 px', async () => {
      const page = await open('/volumes', 390);
      await page.getByRole('link', { name: 'web-1' }).waitFor();
      await page.getByText('Columns', { exact: true }).click();
      // A check box in a menu is as large as its label.
      const small = await page.evaluate<readonly string[]>(`[...document.querySelectorAll('button, input, select')]
        .filter((element) => element.checkVisibility())
        .map((element) => element.closest('label') ?? element)
        .map((element) => [element.outerHTML.slice(0, 120), element.getBoundingClientRect()])
        .filter(([, { width, height }]) => width < 24 || height < 24)
        .map(([text]) => text)`);
      assert.deepEqual(small, []);
    });

    test('a large renewal is confirmed by its typed number', async () => {
      const page = await open('/volumes', 1_280);
      await page.route('**/api/v1/renewals', async (route) => {
        if (route.request().method() !== 'POST') return route.continue();
        const response = await wholeResponse(route);
        const preview = (await response.json()) as object;
        return route.fulfill({ response, json: { ...preview, count: 33_334, nodes: 500, issuers: 2_000 } });
      });
      await page.getByRole('button', { name: /^Renew all that match/ }).click();
      const submit = page.getByRole('button', { name: 'Renew 33,334 volumes' });
      await page
        .getByRole('dialog')
        .getByText(/2,000 issuers/)
        .waitFor();
      await page.getByLabel('Reason').fill('roll');
      assert.ok(await submit.isDisabled());
      await page.getByLabel(/^Type the number of volumes, 33,334/).fill('33333');
      assert.ok(await submit.isDisabled());
      await page.getByLabel(/^Type the number of volumes, 33,334/).fill('33334');
      assert.ok(await submit.isEnabled());
    });

    test('without the controller one notice says so, and Redis is not called reachable', async () => {
      const page = await open('/', 1_280);
      const redis = page.locator('.facts-row').getByText('reachable', { exact: true });
      await redis.waitFor();
      await page.route('**/api/**', (route) => route.abort());
      await page.getByRole('alert').waitFor();
      await redis.waitFor({ state: 'detached' });
      assert.equal(await page.getByRole('alert').count(), 1);
    });

    test('no page threw an error', () => {
      assert.deepEqual(browser.problems, []);
    });
  });
}
