// Operators' actions on the page: counted, confirmed, executed, shown and recorded in the audit log.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { eventually } from '../../fleet/support/eventually.ts';
import { exampleFleet } from '../support/example-fleet.ts';
import { PageBrowser } from '../support/page-browser.ts';
import { PageFleet } from '../support/page-fleet.ts';

let browser: PageBrowser;

/** Confirms the open dialog with a reason, once it shows the count. */
async function renew(page: Page, count: string, reason: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  const confirm = dialog.getByRole('button', { name: `Renew ${count}` });
  await confirm.waitFor();
  assert.equal(await confirm.isDisabled(), true, 'a reason is required');
  await dialog.getByLabel('Reason').fill(reason);
  await confirm.click();
  await dialog.waitFor({ state: 'detached' });
}

/** Operators' actions. */
export function actionsSuite(): void {
  describe('actions on the page', { concurrency: false }, () => {
    before(async () => {
      browser = await PageBrowser.launch();
    });

    afterEach(() => browser.closePages());

    after(async () => {
      await browser[Symbol.asyncDispose]();
    });

    test('one volume is renewed after a count and a reason, and its new certificate is shown', async () => {
      await using fleet = await PageFleet.start(exampleFleet);
      await fleet.untilShown(6);
      const page = await browser.open(`${fleet.url}/volumes/worker-1/csi-web`);
      await page.getByRole('button', { name: 'Renew now' }).click();
      assert.deepEqual(fleet.renewed, []);
      await renew(page, '1 volume', 'key was shown in a log');
      await page.locator('.mono', { hasText: /^02$/ }).waitFor();
      assert.deepEqual(fleet.renewed, ['csi-web']);
      await page.goto(`${fleet.url}/audit`);
      const entry = page.locator('tbody tr').first();
      await entry.getByText('Renew', { exact: true }).waitFor();
      await entry.getByText('key was shown in a log').waitFor();
    });

    test('only selected rows are renewed', async () => {
      await using fleet = await PageFleet.start(exampleFleet);
      await fleet.untilShown(6);
      const page = await browser.open(`${fleet.url}/volumes?node=worker-2&sort=pod`);
      for (const id of ['csi-db', 'csi-queue']) await page.getByLabel(`Select worker-2/${id}`).check();
      await page.getByRole('region', { name: 'Selection' }).getByText('2 volumes selected').waitFor();
      await page.getByRole('button', { name: 'Renew selected' }).click();
      await renew(page, '2 volumes', 'moved to another CA');
      await page.getByRole('link', { name: 'Show progress' }).click();
      await page.locator('.page-head').getByText('Finished').waitFor();
      assert.deepEqual(fleet.renewed, ['csi-db', 'csi-queue']);
    });

    test('all matching volumes are renewed; the whole fleet only when named as such', async () => {
      await using fleet = await PageFleet.start(exampleFleet);
      await fleet.untilShown(6);
      const page = await browser.open(`${fleet.url}/volumes`);
      await page.getByRole('button', { name: /^Renew all that match \(6\)/ }).click();
      await page.getByRole('heading', { name: 'Renew the whole fleet' }).waitFor();
      await page.keyboard.press('Escape');
      // A closed dialog has no role any more; when it is removed, it gives the focus back.
      await page.locator('dialog').waitFor({ state: 'detached' });
      await page.getByPlaceholder('Namespace').fill('data');
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: /^Renew all that match \(2\)/ }).click();
      await renew(page, '2 volumes', 'the issuer is back');
      await eventually('both to be renewed', () => fleet.renewed.length === 2);
      assert.deepEqual(fleet.renewed, ['csi-db', 'csi-queue']);
    });

    test('a lane is paused with a reason, defers requested renewals, and continues when resumed', async () => {
      await using fleet = await PageFleet.start(exampleFleet);
      await fleet.untilShown(6);
      const page = await browser.open(`${fleet.url}/lanes`);
      await page.getByRole('link', { name: 'corporate' }).click();
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.getByLabel('Reason').fill('CHG-4411');
      await page.getByRole('button', { name: 'Pause the lane' }).click();
      await page.locator('.page-head').getByText('Paused').waitFor();
      await page.getByRole('button', { name: 'Renew all' }).click();
      await renew(page, '2 volumes', 'roll');
      // Another page shows why they wait.
      const table = await browser.open(`${fleet.url}/volumes?pod=web-1`);
      await table.getByText('lane paused').waitFor();
      assert.deepEqual(fleet.renewed, []);
      await page.getByRole('button', { name: 'Resume' }).click();
      await page.getByRole('button', { name: 'Resume the lane' }).click();
      await page.locator('.page-head').getByText('Open').waitFor();
      await eventually('both to be renewed', () => ['csi-web', 'csi-cart'].every((id) => fleet.renewed.includes(id)));
      assert.deepEqual(fleet.renewed, ['csi-cart', 'csi-web']);
      await page.goto(`${fleet.url}/audit`);
      for (const action of ['Resume', 'Pause']) await page.getByRole('cell', { name: action, exact: true }).waitFor();
    });

    test('a bulk renewal is cancelled: renewals that have not started return to their planned time', async () => {
      await using fleet = await PageFleet.start(exampleFleet);
      await fleet.untilShown(6);
      const { lanes } = await fleet.controller.api<{ lanes: readonly { id: string }[] }>('lanes');
      for (const { id } of lanes) {
        await fleet.controller.api(`lanes/${id}/pause`, { method: 'POST', body: { reason: 'hold' } });
      }
      const page = await browser.open(`${fleet.url}/volumes`);
      await page.getByRole('button', { name: /^Renew all that match/ }).click();
      await renew(page, '6 volumes', 'a mistake');
      await page.getByRole('link', { name: 'Show progress' }).click();
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('button', { name: 'Cancel pending renewals' }).click();
      await page.locator('.page-head').getByText('Cancelled', { exact: true }).waitFor();
      await page.getByText('6 cancelled').waitFor();
      assert.deepEqual(fleet.renewed, []);
    });

    test('a dialog holds the focus, closes by Esc and gives the focus back', async () => {
      await using fleet = await PageFleet.start({ 'worker-1': { 'csi-web': {} } });
      await fleet.untilShown(1);
      const page = await browser.open(`${fleet.url}/volumes/worker-1/csi-web`);
      const opener = page.getByRole('button', { name: 'Renew now' });
      await opener.focus();
      await page.keyboard.press('Enter');
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Renew 1 volume' }).waitFor();
      for (let i = 0; i < 8; i++) {
        await page.keyboard.press('Tab');
        // From the last field the browser's own controls are next, then the dialog again.
        const isInside = await page.evaluate<boolean>("document.activeElement.matches('dialog *, dialog, body')");
        assert.ok(isInside, 'the focus left the dialog');
      }
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      assert.equal(await page.evaluate<string>('document.activeElement.textContent'), 'Renew now…');
    });

    test('no page threw an error', () => {
      assert.deepEqual(browser.problems, []);
    });
  });
}
