// Renewals of many volumes on the page, from the request to their end.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, describe, test } from 'node:test';
import { eventually } from '../../fleet/support/eventually.ts';
import { healthyFleet } from '../support/healthy-fleet.ts';
import { later } from '../support/page-clock.ts';
import { PageBrowser } from '../support/page-browser.ts';
import { PageFleet } from '../support/page-fleet.ts';

const patienceMs = 30_000;

let browser: PageBrowser;

/** Renewals of many volumes. */
export function renewalsSuite(): void {
  describe('renewals on the page', { concurrency: false }, () => {
    before(async () => {
      browser = await PageBrowser.launch();
    });

    afterEach(() => browser.closePages());

    after(() => browser[Symbol.asyncDispose]());

    test('how is my renewal going? progress, what waits and why, suspended and resumed', async () => {
      await using own = await PageFleet.start(healthyFleet);
      await own.untilShown(4);
      const { lanes } = await own.controller.api<{ lanes: readonly { id: string; key: string }[] }>('lanes');
      const internal = lanes.find(({ key }) => key.endsWith('/internal'))?.id ?? '';
      await own.controller.api(`lanes/${internal}/pause`, { method: 'POST', body: { reason: 'CHG-4411' } });
      const body = { selection: {}, everything: true, reason: 'new CA' };
      const { id } = await own.controller.api<{ id: string }>('renewals', { method: 'POST', body });
      const page = await browser.openWithClock(`${own.url}/renewals`);
      await page.getByRole('link', { name: 'new CA' }).click();
      await page.getByRole('heading', { name: 'new CA' }).waitFor();
      await page.getByText('2 renewed').waitFor();
      const waiting = page.getByRole('table', { name: 'Pending volumes by what they wait for' });
      await waiting.getByRole('row', { name: /The lane is paused 2/ }).waitFor();
      await page.getByRole('link', { name: 'database-1' }).waitFor();
      await page.getByRole('button', { name: 'Suspend' }).click();
      await page.locator('.page-head').getByText('Suspended').waitFor();
      await page.getByRole('button', { name: 'Resume' }).click();
      await page.locator('.page-head').getByText('Running').waitFor();
      await own.controller.api(`lanes/${internal}/resume`, { method: 'POST' });
      await later(page, page.locator('.page-head').getByText('Finished'));
      await page.getByText('Nothing waits.').waitFor();
      await page.getByRole('link', { name: 'Actions on this renewal' }).click();
      await page.getByRole('cell', { name: 'Resume', exact: true }).waitFor();
      assert.equal(new URL(page.url()).search, `?target=${id}`);
      // The entry of the request names the renewal in its outcome, and links back.
      await page
        .getByRole('row', { name: /Renew everything/ })
        .getByRole('link', { name: 'renewal' })
        .click();
      await page.getByRole('heading', { name: 'new CA' }).waitFor();
      await page.goto(`${own.url}/audit`);
      await page.getByLabel('Action').selectOption('pause');
      await page.locator('#main tbody tr').nth(1).waitFor({ state: 'detached' });
      await page.getByRole('cell', { name: 'CHG-4411' }).waitFor();
      await page.locator('summary', { hasText: 'Export' }).click();
      const [file] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'As CSV' }).click(),
      ]);
      assert.match(await readFile(await file.path(), 'utf8'), /^id,at,who,action[^]*,pause,done,/);
    });

    test('a canary first: the others wait for an approval, and a stop after failures is resumed', async () => {
      await using own = await PageFleet.start(healthyFleet);
      await own.untilShown(4);
      const page = await browser.openWithClock(`${own.url}/volumes`);
      await page.getByRole('button', { name: /^Renew all that match \(4\)/ }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Reason').fill('new CA');
      const confirm = dialog.getByRole('button', { name: 'Renew 4 volumes' });
      await dialog.getByLabel(/^Canary/).fill('none');
      await dialog.getByLabel(/^Stop after/).fill('2');
      assert.equal(await confirm.isDisabled(), true, 'the canary is no number');
      await dialog.getByLabel(/^Canary/).fill('2');
      await confirm.click();
      await page.getByRole('link', { name: 'Show progress' }).click();
      await later(page, page.locator('.page-head').getByText('Awaiting approval'));
      await page.getByText('Canary: 2 of 2 done. The other 2 volumes wait for an approval.').waitFor();
      // One click from the overview, and a metric for the alert.
      await page.getByRole('link', { name: 'Overview', exact: true }).click();
      const attention = page.locator('.attention li');
      await attention
        .filter({ hasText: 'waits for an approval after its canary: 2 volumes' })
        .getByRole('link')
        .click();
      await page.locator('.page-head').getByText('Awaiting approval').waitFor();
      const awaiting = /^certfleet_controller_renewal_awaiting_approval\{renewal="renewal-\w+"\} 1$/m;
      await eventually('the metric', async () => awaiting.test((await own.controller.ops('metrics')).text), patienceMs);
      await page.getByRole('row', { name: /The approval after the canary 2/ }).waitFor();
      assert.equal(own.renewed.length, 2);
      await page.getByRole('button', { name: 'Approve' }).click();
      await dialog.getByRole('button', { name: 'Approve' }).click();
      await later(page, page.locator('.page-head').getByText('Finished'));
      await page.getByText(/^Approved$/).waitFor();
      assert.equal(own.renewed.length, 4);
      own.on('worker-1').refuse('csi-web');
      const body = { selection: { volumeId: 'csi-web' }, reason: 'a leaked key', stopAfterFailures: 1 };
      const { id } = await own.controller.api<{ id: string }>('renewals', { method: 'POST', body });
      await page.goto(`${own.url}/renewals/${id}`);
      await later(page, page.locator('.page-head').getByText('Stopped'));
      const metric = `certfleet_controller_renewal_stopped{renewal="${id}"} 1`;
      await eventually(
        'the metric',
        async () => (await own.controller.ops('metrics')).text.includes(metric),
        patienceMs,
      );
      await page.getByRole('link', { name: 'Overview', exact: true }).click();
      const stopped = attention.filter({ hasText: 'the renewal “a leaked key” stopped' });
      await stopped.filter({ hasText: 'after 1 failed attempt: 1 volume is not renewed' }).getByRole('link').click();
      await page.locator('.page-head').getByText('Stopped').waitFor();
      // Otherwise it would fail again.
      const { lanes } = await own.controller.api<{ lanes: readonly { id: string }[] }>('lanes');
      for (const lane of lanes)
        await own.controller.api(`lanes/${lane.id}/pause`, { method: 'POST', body: { reason: 'hold' } });
      await page.getByRole('button', { name: 'Resume' }).click();
      await later(page, page.locator('.page-head').getByText('Running'));
      await page.getByRole('link', { name: 'Overview', exact: true }).click();
      await page.getByLabel('Verdict').waitFor();
      await later(page, stopped, { state: 'detached' });
    });

    test('no page threw an error', () => {
      assert.deepEqual(browser.problems, []);
    });
  });
}
