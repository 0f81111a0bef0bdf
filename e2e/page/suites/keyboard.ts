// Everything by keyboard, times in one zone and form, and many tabs of one browser.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { reportOf } from '../../fleet/support/volume-report.ts';
import { violationsOf } from '../support/axe.ts';
import { exampleFleet } from '../support/example-fleet.ts';
import { enter, tabTo } from '../support/keys.ts';
import { later } from '../support/page-clock.ts';
import { PageBrowser } from '../support/page-browser.ts';
import { PageFleet } from '../support/page-fleet.ts';

let browser: PageBrowser;
let fleet: PageFleet;

/** Types a reason into the dialog, which has the focus there, and confirms with Enter. */
async function confirm(page: Page, button: string, reason: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  await tabTo(page, dialog.getByLabel('Reason'));
  await page.keyboard.type(reason);
  await dialog.getByRole('button', { name: button, disabled: false }).waitFor();
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'detached' });
}

/** Everything by keyboard. */
export function keyboardSuite(): void {
  describe('the page by keyboard, paused, and in many tabs', { concurrency: false }, () => {
    before(async () => {
      browser = await PageBrowser.launch();
      fleet = await PageFleet.start(exampleFleet);
      await fleet.untilShown(6);
    });

    afterEach(() => browser.closePages());

    after(async () => {
      await browser[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
    });

    describe('the keyboard', () => {
      test('? lists the keys, Ctrl K goes to a view or searches', async () => {
        const page = await browser.open(`${fleet.url}/`);
        await page.getByRole('heading', { name: 'Overview' }).waitFor();
        await page.keyboard.press('?');
        await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
        assert.deepEqual(await violationsOf(page), []);
        await page.keyboard.press('Escape');
        // Until it is removed, a dialog has the keys.
        await page.locator('dialog').waitFor({ state: 'detached' });
        await page.keyboard.press('Control+k');
        await page.getByRole('dialog', { name: 'Commands' }).waitFor();
        assert.deepEqual(await violationsOf(page), []);
        await page.keyboard.type('silent');
        await page.getByRole('option', { name: 'Go to Silent nodes', selected: true }).waitFor();
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'Nodes' }).waitFor();
        await page.keyboard.press('Control+k');
        await page.getByRole('dialog', { name: 'Commands' }).waitFor();
        await page.keyboard.type('mail');
        await page.getByRole('option', { name: 'Search volumes for “mail”', selected: true }).waitFor();
        await page.keyboard.press('Enter');
        await page.waitForURL(/\/volumes\?search=mail$/);
      });

      test('j and k move between rows, x selects, Enter opens', async () => {
        const page = await browser.open(`${fleet.url}/volumes?sort=pod`);
        await page.locator('#main tbody tr').nth(5).waitFor();
        await page.keyboard.press('j');
        await page.keyboard.press('j');
        await page.keyboard.press('x');
        await page.getByText('1 volume selected').waitFor();
        await page.keyboard.press('x');
        await page.getByText('1 volume selected').waitFor({ state: 'detached' });
        await page.keyboard.press('k');
        await page.keyboard.press('e');
        const details = page.locator('tr.details');
        await details.getByText('CN=cart-1.shop.svc').waitFor();
        assert.deepEqual(await violationsOf(page), []);
        await page.keyboard.press('e');
        await details.waitFor({ state: 'detached' });
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'cart-1' }).waitFor();
      });

      test('t and u change form and zone of all times, also in sentences and charts, for good', async () => {
        const page = await browser.open(`${fleet.url}/`, { timezoneId: 'Asia/Kolkata' });
        const problem = page.locator('.attention li', { hasText: /been failing for \d/ }).first();
        await problem.locator('time[title*="+05:30"]').first().waitFor();
        await page.getByText('As a table').click();
        await page.locator('.as-table tbody tr').first().getByText('+05:30').waitFor();
        await page.keyboard.press('u');
        await problem.locator('time[title$="UTC"]').first().waitFor();
        await page.locator('.as-table tbody tr').first().getByText('UTC').waitFor();
        await page.keyboard.press('t');
        await page
          .getByText(/been failing since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/)
          .first()
          .waitFor();
        await page.goto(`${fleet.url}/volumes?pod=web-1`);
        await page.locator('td.col-expires', { hasText: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/ }).waitFor();
      });
    });

    describe('a user without a mouse', () => {
      test('finds volumes, sees details, renews a range, follows the renewal, and pauses and resumes a lane', async () => {
        await using own = await PageFleet.start(exampleFleet);
        await own.untilShown(6);
        const page = await browser.open(`${own.url}/`);
        await page.getByRole('heading', { name: 'Overview' }).waitFor();
        await page.keyboard.press('/');
        await page.locator('input[data-search]:focus').waitFor();
        await page.keyboard.type('internal');
        const rows = page.locator('#main tbody tr:not(.details)');
        await rows.nth(2).waitFor({ state: 'detached' });
        await rows.nth(1).waitFor();
        // Out of the text fields, where the keys of the page are letters.
        await tabTo(page, page.getByLabel('Select worker-2/csi-queue'));
        await page.keyboard.press('e');
        await page.locator('tr.details').getByText('CN=queue-1.data.svc').waitFor();
        await page.keyboard.press('e');
        await page.locator('tr.details').waitFor({ state: 'detached' });
        await page.keyboard.press('x');
        await page.keyboard.press('j');
        await page.keyboard.press('X');
        await page.getByText('2 volumes selected').waitFor();
        await enter(page, page.getByRole('button', { name: 'Renew selected' }));
        await confirm(page, 'Renew 2 volumes', 'key was shown in a log');
        await enter(page, page.getByRole('link', { name: 'Show progress' }));
        await page.locator('.page-head').getByText('Finished').waitFor();
        assert.deepEqual(own.renewed, ['csi-db', 'csi-queue']);
        await page.keyboard.press('Control+k');
        await page.getByRole('dialog', { name: 'Commands' }).waitFor();
        await page.keyboard.type('lanes');
        await page.getByRole('option', { name: 'Go to Lanes', selected: true }).waitFor();
        await page.keyboard.press('Enter');
        await enter(page, page.getByRole('link', { name: 'internal', exact: true }));
        await enter(page, page.getByRole('button', { name: 'Pause' }));
        await confirm(page, 'Pause the lane', 'CHG-4411');
        await page.locator('.page-head').getByText('Paused').waitFor();
        await enter(page, page.getByRole('button', { name: 'Resume' }));
        await enter(page, page.getByRole('button', { name: 'Resume the lane' }));
        await page.locator('.page-head').getByText('Open').waitFor();
      });
    });

    describe('a paused page', () => {
      test('p keeps what is shown, with its age, until the user continues', async () => {
        const page = await browser.openWithClock(`${fleet.url}/volumes?pod=web-1&columns=pod,generation`);
        await page.locator('td.col-generation', { hasText: /^1$/ }).waitFor();
        await page.keyboard.press('p');
        await page.locator('.live-paused').waitFor();
        const web = { namespace: 'shop', pod: 'web-1', expiresInMs: 3 * 3_600_000, dueInMs: 2 * 3_600_000 };
        fleet.on('worker-1').set('csi-web', reportOf('csi-web', { ...web, generation: 2 }));
        await later(page, page.getByText(/^Not current:/), { withinMs: 24_000 });
        await page.locator('td.col-generation', { hasText: /^1$/ }).waitFor();
        assert.equal(await page.getByRole('alert').count(), 0, 'a pause is no failure');
        const renew = page.getByRole('button', { name: /^Renew all/ });
        assert.equal(await renew.getAttribute('aria-disabled'), 'true');
        await page.keyboard.press('p');
        await page.locator('td.col-generation', { hasText: /^2$/ }).waitFor();
        await page.locator('.live-live').waitFor();
      });
    });

    describe('many tabs', () => {
      test('eight tabs of one browser are all live', async () => {
        const first = await browser.open(`${fleet.url}/`);
        const tabs = [first];
        for (let i = 0; i < 7; i += 1) {
          const tab = await first.context().newPage();
          await tab.goto(`${fleet.url}/volumes`);
          tabs.push(tab);
        }
        for (const tab of tabs) await tab.locator('.live-live').waitFor();
        // Another tab takes over the connection.
        await first.close();
        for (const tab of tabs.slice(1)) await tab.locator('.live-live').waitFor();
        await tabs[7]?.reload();
        await tabs[7]?.locator('tbody tr').nth(5).waitFor();
        await first.context().close();
      });

      test('no page threw an error', () => {
        assert.deepEqual(browser.problems, []);
      });
    });
  });
}
