// What the charts lead to and how they are zoomed, in a real Chromium, from a real controller.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { eventually } from '../../fleet/support/eventually.ts';
import { PageBrowser } from '../support/page-browser.ts';
import { PageFleet } from '../support/page-fleet.ts';

const hour = 3_600_000;
let browser: PageBrowser;
let fleet: PageFleet;

const open = (path: string): Promise<Page> => browser.open(`${fleet.url}${path}`);

/** Waits until the table has exactly these pods. */
async function untilPods(page: Page, pods: readonly string[]): Promise<void> {
  let shown: readonly string[] = [];
  await eventually(`the pods ${pods.join()}`, async () => {
    shown = await page.locator('#main tbody td.col-pod').allInnerTexts();
    return shown.toSorted().join() === pods.join();
  }).catch(() => assert.deepEqual(shown, pods));
}

/** Charts and the volumes behind them. */
export function chartsSuite(): void {
  describe('charts of the page', { concurrency: false }, () => {
    before(async () => {
      fleet = await PageFleet.start({
        'worker-1': {
          'csi-soon': { pod: 'soon', issuer: 'internal', dueInMs: 2 * hour, expiresInMs: 3 * hour },
          'csi-later': { pod: 'later', dueInMs: 5 * hour, expiresInMs: 10 * hour },
          'csi-rolled': { pod: 'rolled', dueInMs: 20 * hour, expiresInMs: 40 * 24 * hour, issuedAgoMs: 3 * hour },
          'csi-far': { pod: 'far', dueInMs: 30 * hour, expiresInMs: 200 * 24 * hour, issuedAgoMs: 5 * hour },
        },
      });
      await fleet.untilShown(4);
      browser = await PageBrowser.launch();
    });

    afterEach(() => browser.closePages());

    after(async () => {
      await browser[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
    });

    test('a bar of due renewals lists what may be planned in its hour, and neither what is due before nor long after', async () => {
      const page = await open('/');
      await page.getByText('As a table').click();
      const due = page.locator('.as-table td.col-due a');
      await due.nth(3).waitFor();
      await due.nth(1).click();
      await untilPods(page, ['later']);
      await page.getByRole('button', { name: 'Clear filter renews after' }).click();
      await untilPods(page, ['later', 'soon']);
    });

    test('a span of expiry times lists what expires in it, also without an end', async () => {
      const page = await open('/');
      await page.getByRole('link', { name: 'later' }).click();
      await untilPods(page, ['far']);
      await page.goBack();
      await page.getByRole('link', { name: '6 to 24 h' }).click();
      await untilPods(page, ['later']);
    });

    test('the history of a lane is zoomed by buttons and mouse, and leads to what was renewed in an hour', async () => {
      const { lanes } = await fleet.controller.api<{ lanes: readonly { id: string; key: string }[] }>('lanes');
      const lane = lanes.find(({ key }) => key.endsWith('/corporate'));
      const body = { selection: { volumeId: 'csi-rolled' }, reason: 'roll' };
      await fleet.controller.api('renewals', { method: 'POST', body });
      const page = await open(`/lanes/${lane?.id ?? ''}`);
      const chart = page.getByRole('img', { name: 'By hour: 1 renewal, 0 failed attempts' });
      await chart.locator('canvas').waitFor();
      await page.getByText('Hours with renewals').click();
      const hours = page.locator('.as-table li', { hasText: '1 renewed' });
      await hours.waitFor();
      await page.getByRole('button', { name: 'Zoom in' }).click();
      await hours.waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Zoom out' }).click();
      await hours.waitFor();
      const box = await page.locator('.u-over').boundingBox();
      assert.ok(box !== null);
      const drag = async (from: number, to: number): Promise<void> => {
        await page.mouse.move(box.x + box.width * from, box.y + 20);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width * to, box.y + 20, { steps: 5 });
        await page.mouse.up();
      };
      await drag(0.2, 0.4);
      await hours.waitFor({ state: 'detached' });
      await page.getByRole('img', { name: 'By hour: 0 renewals, 0 failed attempts' }).waitFor();
      assert.equal(new URL(page.url()).pathname, `/lanes/${lane?.id ?? ''}`, 'the end of a drag is no click');
      await page.getByRole('button', { name: 'Zoom out' }).click();
      await page.getByRole('button', { name: 'Zoom out' }).click();
      await page.getByRole('button', { name: 'Zoom out' }).click();
      await hours.getByRole('link').click();
      // Of the same hour, but of another lane: csi-soon.
      await untilPods(page, ['later', 'rolled']);
      await page.goBack();
      await chart.locator('canvas').waitFor();
      // The current hour is the last of 48 bars. Only the bar itself leads to its volumes, up to its right edge.
      const clickAt = (hours: number): Promise<void> =>
        page.mouse.click(box.x + (box.width * hours) / 48, box.y + box.height - 10);
      await clickAt(46.9);
      assert.match(page.url(), /\/lanes\//);
      await clickAt(47.9);
      await untilPods(page, ['later', 'rolled']);
    });

    test('no page threw an error', () => {
      assert.deepEqual(browser.problems, []);
    });
  });
}
