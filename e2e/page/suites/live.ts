// The page's live updates, and its recovery after an interruption.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { eventually } from '../../fleet/support/eventually.ts';
import { reportOf } from '../../fleet/support/volume-report.ts';
import { exampleFleet } from '../support/example-fleet.ts';
import { later } from '../support/page-clock.ts';
import { PageBrowser } from '../support/page-browser.ts';
import { PageFleet } from '../support/page-fleet.ts';

let browser: PageBrowser;

/** Live updates. */
export function liveSuite(): void {
  describe('live updates of the page', { concurrency: false }, () => {
    before(async () => {
      browser = await PageBrowser.launch();
    });

    afterEach(() => browser.closePages());

    after(async () => {
      await browser[Symbol.asyncDispose]();
    });

    test('a report reaches the page without reloading', async () => {
      await using fleet = await PageFleet.start(exampleFleet);
      await fleet.untilShown(6);
      const page = await browser.open(`${fleet.url}/volumes?columns=pod,generation,serial`);
      await page.locator('.live-live').waitFor();
      const row = page.locator('tbody tr', { hasText: 'web-1' });
      const tookMs: number[] = [];
      for (let generation = 2; generation <= 4; generation++) {
        const startedMs = performance.now();
        fleet.on('worker-1').set('csi-web', reportOf('csi-web', { pod: 'web-1', generation }));
        await row.getByText(`0${generation}`, { exact: true }).waitFor();
        tookMs.push(performance.now() - startedMs);
      }
      console.log(`report to page: ${tookMs.map((ms) => Math.round(ms)).join(', ')} ms`);
      fleet.on('worker-1').delete('csi-web');
      await row.waitFor({ state: 'detached' });
    });

    test('an open page recovers when the controller is restarted', async () => {
      await using fleet = await PageFleet.start({ 'worker-1': exampleFleet['worker-1'] ?? {} });
      await fleet.untilShown(3);
      const { controller } = fleet;
      const running = controller.controllers.at(-1);
      const page = await browser.openWithClock(`${fleet.url}/volumes?columns=pod,serial`);
      await page.locator('.live-live').waitFor();
      await running?.stop();
      await page.locator('.live-reconnecting').waitFor();
      // Data counts as current for fifteen seconds after its last confirmation.
      await later(page, page.locator('.live-stale'), { withinMs: 24_000 });
      await page.getByRole('alert').getByText('The controller does not respond').waitFor();
      assert.equal(await page.getByText('does not respond').count(), 1, 'the failure is reported once');
      await page.getByText(/^Not current:/).waitFor();
      assert.equal(await page.getByRole('button', { name: /^Renew all/ }).getAttribute('aria-disabled'), 'true');
      // The last known data stays readable, with its age.
      await page.locator('tbody tr', { hasText: 'web-1' }).waitFor();
      await controller.startController();
      await later(page, page.locator('.live-live'), { withinMs: 120_000 });
      fleet.on('worker-1').set('csi-web', reportOf('csi-web', { pod: 'web-1', generation: 7 }));
      await page
        .locator('tbody tr', { hasText: 'web-1' })
        .getByText('07', { exact: true })
        .waitFor({ timeout: 20_000 });
    });

    test('a silent node is shown as silent, and online again after its return', async () => {
      await using fleet = await PageFleet.start({ 'worker-1': { 'csi-web': {} } }, [
        '--api-auth=none',
        '--heartbeat-interval=1s',
      ]);
      await fleet.untilShown(1);
      const page = await browser.openWithClock(`${fleet.url}/nodes`);
      await page.locator('tbody').getByText('Online').waitFor();
      await fleet.controller.stopAgent('worker-1');
      await later(page, page.locator('tbody').getByText('Silent'));
      fleet.controller.startAgent(fleet.on('worker-1'), 'worker-1');
      await later(page, page.locator('tbody').getByText('Online'));
      await eventually('no page to have failed', () => browser.problems.length === 0);
    });

    test('no page threw an error', () => {
      assert.deepEqual(browser.problems, []);
    });
  });
}
