// The questions of a night shift, each as a story: a fault on real parts, the answer of the page, the cure, and the page
// without the fault again.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { CaHistory } from '../../../apps/renewal-controller/src/fleet-index/view/ca-history.ts';
import { createRedis } from '../../../apps/renewal-controller/src/redis/create-redis.ts';
import { redisKeys } from '../../../apps/renewal-controller/src/redis/redis-keys.ts';
import type { VolumePage } from '../../../libs/operator-api/src/volumes.ts';
import { connected } from '../../fleet/support/connected.ts';
import { eventually } from '../../fleet/support/eventually.ts';
import { caFingerprint, reportOf } from '../../fleet/support/volume-report.ts';
import { day, healthyFleet, hour, web } from '../support/healthy-fleet.ts';
import { later } from '../support/page-clock.ts';
import { PageBrowser } from '../support/page-browser.ts';
import { PageFleet } from '../support/page-fleet.ts';

const flags = ['--api-auth=none', '--heartbeat-interval=1s', '--runbook-url=https://docs.example/runbook.md'];
const patienceMs = 30_000;

let browser: PageBrowser;
let fleet: PageFleet;

const open = (path: string): Promise<Page> => browser.openWithClock(`${fleet.url}${path}`);

async function titled(page: Page, title: RegExp): Promise<void> {
  await eventually(`the title ${title.source}`, async () => title.test(await page.title()), patienceMs);
}

const iconOf = (page: Page): Promise<string> =>
  page.evaluate<string>("decodeURIComponent(document.querySelector('link[rel=icon]').getAttribute('href'))");

/** Sets whether a volume fails. */
function setFailing(isFailing: boolean): void {
  const failure = { message: 'issuer not ready', attempts: 3 };
  fleet.on('worker-1').refuse('csi-web');
  fleet
    .on('worker-1')
    .set('csi-web', reportOf('csi-web', isFailing ? { ...web, expiresInMs: hour / 2, failure } : web));
}

/** Faults of real parts and their answers. */
export function nightShiftSuite(): void {
  describe('the questions of a night shift', { concurrency: false }, () => {
    before(async () => {
      browser = await PageBrowser.launch();
      fleet = await PageFleet.start(healthyFleet, flags);
      await fleet.untilShown(4);
    });

    afterEach(() => browser.closePages());

    after(async () => {
      await browser[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
    });

    test('is it all right? one word on every view, in the title and the icon, and on a wall', async () => {
      const [overview, wall] = [await open('/'), await open('/wall')];
      await titled(overview, /^All OK · Overview/);
      await overview.getByLabel('Verdict').getByText('All OK').waitFor();
      await wall.getByRole('heading', { name: 'All OK' }).waitFor();
      assert.equal(await wall.locator('button, a, input, select').count(), 0, 'the wall has no controls');
      const green = await iconOf(overview);
      setFailing(true);
      await titled(overview, /^Critical · Overview/);
      await overview
        .getByLabel('Verdict')
        .getByRole('link', { name: /expires within 1 h/ })
        .waitFor();
      await wall.getByRole('heading', { name: 'Critical' }).waitFor();
      await wall.getByText(/expires within 1 h/).waitFor();
      assert.notEqual(await iconOf(overview), green);
      const height = await wall.evaluate<number>("parseFloat(getComputedStyle(document.querySelector('h1')).fontSize)");
      assert.ok(height >= 120, `the word on the wall is ${height} px high`);
      setFailing(false);
      await titled(overview, /^All OK · Overview/);
      await wall.getByRole('heading', { name: 'All OK' }).waitFor();
    });

    test('without answers of the controller the verdict is unknown, never green', async () => {
      const page = await open('/wall');
      await page.getByRole('heading', { name: 'All OK' }).waitFor();
      await page.route('**/api/v1/**', (route) => route.abort());
      await later(page, page.getByRole('heading', { name: 'Unknown' }), { withinMs: 24_000 });
      await titled(page, /^Unknown · Wall/);
      await page.getByText('The last known verdict is: All OK').waitFor();
      await page.unroute('**/api/v1/**');
      await later(page, page.getByRole('heading', { name: 'All OK' }));
    });

    test('what is at risk, and why? with the reason, since when, and the section of the runbook', async () => {
      const page = await open('/');
      const healthyTile = page.locator('.states a', { hasText: 'Healthy' });
      await healthyTile.getByText('4').waitFor();
      await fleet.controller.stopAgent('worker-2');
      await later(page, healthyTile.getByText('2'));
      await healthyTile.click();
      await page.locator('#main tbody tr').nth(1).waitFor();
      assert.deepEqual((await page.locator('tbody td.col-pod').allInnerTexts()).sort(), ['cart-1', 'web-1']);
      await page.getByRole('link', { name: 'At risk', exact: true }).click();
      await page.getByRole('heading', { name: 'At risk' }).waitFor();
      const third = page.locator('#main tbody tr').nth(2);
      await page.locator('#main tbody tr').nth(1).waitFor();
      // On a busy machine the other agent may be late for a moment.
      if (await third.isVisible()) await later(page, third, { state: 'detached' });
      assert.deepEqual(await page.locator('tbody td.col-pod').allInnerTexts(), ['queue-1', 'database-1']);
      const row = page.locator('#main tbody tr').first();
      await row.getByText('Node silent').waitFor();
      await row.locator('.col-risk time').waitFor();
      const runbook = row.getByRole('link', { name: 'runbook' });
      assert.equal(await runbook.getAttribute('href'), 'https://docs.example/runbook.md#certfleetagentsilent');
      await page.getByLabel('Expires within').selectOption('7d');
      await page.locator('#main tbody tr').nth(1).waitFor({ state: 'detached' });
      assert.equal(new URL(page.url()).search, '?expiresBefore=7d');
      await page.getByRole('button', { name: 'Node silent 1' }).waitFor();
      await page.locator('summary', { hasText: 'Export' }).click();
      const [file] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'As CSV' }).click(),
      ]);
      const csv = await readFile(await file.path(), 'utf8');
      assert.match(csv, /queue-1.*node-silent,\d{4}-/);
      assert.doesNotMatch(csv, /database-1/);
      assert.equal(await page.getByRole('button', { name: /^Renew all/ }).getAttribute('aria-disabled'), 'true');
      fleet.controller.startAgent(fleet.on('worker-2'), 'worker-2');
      await later(page, page.getByText('No volume is at risk'));
    });

    test('without Redis the verdict is unknown, and every volume is at risk for this reason', async () => {
      await using own = await PageFleet.start(healthyFleet);
      await own.untilShown(4);
      const page = await browser.openWithClock(`${own.url}/at-risk`);
      await page.getByText('No volume is at risk').waitFor();
      await own.controller.redis.kill();
      await titled(page, /^Unknown · At risk/);
      await later(page, page.getByRole('button', { name: 'Redis unavailable 4' }));
      await later(page, page.locator('#main tbody tr').nth(3));
      const { volumes } = await own.controller.api<VolumePage>('volumes?risk=none');
      assert.deepEqual(volumes, []);
      await own.controller.redis.start();
      await later(page, page.getByText('No volume is at risk'));
      await titled(page, /^All OK · At risk/);
    });

    test('who is affected? groups with counts and the soonest expiry, which lead to their volumes', async () => {
      setFailing(true);
      const page = await open('/volumes');
      await page.getByLabel('Group by').selectOption('namespace');
      const table = page.getByRole('table', { name: 'Volumes by namespace' });
      await table.locator('tbody tr').nth(1).waitFor();
      assert.equal(new URL(page.url()).search, '?group=namespace');
      await table.getByRole('columnheader', { name: 'Soonest expiry' }).getByRole('button').click();
      const first = table.locator('tbody tr').first();
      await first.getByText('shop').waitFor();
      const showsFirst = (text: RegExp): Promise<void> =>
        eventually(`the first row ${text.source}`, async () => text.test(await first.innerText()), patienceMs);
      await showsFirst(/shop\s+2\s+1\s+in (29m|30m)/);
      setFailing(false);
      await showsFirst(/shop\s+2\s+0\s+in 8h/);
      await table.getByRole('link', { name: 'shop' }).click();
      await page.locator('td.col-pod', { hasText: 'cart-1' }).waitFor();
      assert.equal(new URL(page.url()).search, '?namespace=shop');
      await page.goto(`${fleet.url}/volumes?group=issuer&namespace=data`);
      await page.getByRole('link', { name: 'internal' }).waitFor();
      await page.goto(`${fleet.url}/volumes?group=ca`);
      await page.getByRole('table', { name: 'Volumes by ca' }).waitFor();
    });

    test('what happened? a pause with its person and reason, from the overview to the audit log, and its end', async () => {
      const { lanes } = await fleet.controller.api<{ lanes: readonly { id: string; key: string }[] }>('lanes');
      const { id = '', key = '' } = lanes.find((each) => each.key.endsWith('/internal')) ?? {};
      await fleet.controller.api(`lanes/${id}/pause`, { method: 'POST', body: { reason: 'CHG-5150' } });
      const page = await open('/');
      const attention = page.locator('.attention li', { hasText: 'CHG-5150' });
      await attention.getByRole('link').click();
      await page.getByRole('link', { name: 'Actions on this lane' }).click();
      const entries = page.locator('#main tbody tr');
      await entries.filter({ hasText: 'CHG-5150' }).filter({ hasText: 'Pause' }).waitFor();
      assert.equal(new URL(page.url()).searchParams.get('target'), `lane ${key}`);
      await fleet.controller.api(`lanes/${id}/resume`, { method: 'POST' });
      await later(page, entries.filter({ hasText: 'Resume' }));
      await page.getByLabel('Action').selectOption('pause');
      await entries.nth(1).waitFor({ state: 'detached' });
      await page.getByRole('link', { name: 'Overview', exact: true }).click();
      await later(page, page.getByLabel('Verdict').getByText('All OK'));
      await later(page, attention, { state: 'detached' });
    });

    test('which CAs are in use? their volumes, and the renewal of these', async () => {
      const page = await open('/cas');
      const row = page.getByRole('table', { name: 'CAs by the number of their volumes' }).locator('tbody tr').first();
      await row.waitFor();
      const count = await row.locator('.col-count').innerText();
      // The agents of this test have no files, so that only the fingerprint is known.
      await row.getByText(/not known yet|node|agent/).waitFor();
      await row.getByRole('button', { name: 'Renew' }).click();
      await page.getByRole('button', { name: new RegExp(`^Renew ${count} volume`) }).waitFor();
      await page.keyboard.press('Escape');
      await row.getByRole('button', { name: 'Rotate' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('New CA').fill('no certificate');
      await dialog.getByLabel('Reason').fill('the CA expires');
      await dialog.getByRole('button', { name: 'Start the rotation' }).click();
      await dialog.getByText(/expected certificates in PEM, or the SHA-256/).waitFor();
      await page.keyboard.press('Escape');
      await row.getByRole('link', { name: count }).click();
      await page.getByRole('button', { name: 'Clear filter CA' }).waitFor();
    });

    test('which part of the fleet has which CA? over time, in agreement with the list, and after the change is taken back', async (t) => {
      const redis = createRedis({ url: fleet.controller.redis.url }, 'commands', 'test');
      t.after(() => redis.disconnect());
      await connected(redis);
      const keys = redisKeys('certfleet');
      const other = 'ef'.repeat(32);
      await new CaHistory(redis, keys).record({ volumes: 4, cas: new Map([[caFingerprint, 4]]) });
      const [[recorded, counts] = ['', '']] = Object.entries(await redis.hgetall(keys.caHistory));
      await redis.hdel(keys.caHistory, recorded);
      for (const hour of [1, 2, 30].map((before) => Number(recorded) - before))
        await redis.hset(keys.caHistory, String(hour), counts);
      const volume = { namespace: 'data', pod: 'database-1', issuer: 'internal', expiresInMs: 30 * day };
      const change = (ca: string): void => fleet.on('worker-2').set('csi-db', reportOf('csi-db', { ...volume, ca }));
      const page = await open('/cas');
      const panel = page.getByRole('region', { name: 'Share of volumes over time' });
      await panel
        .getByRole('img', { name: `Share of volumes by CA: SHA-256 ${caFingerprint.slice(0, 8)}… 100 %` })
        .waitFor();
      change(other);
      const shown = panel.getByRole('img', {
        name: /abababab… 75 %, before 100 %; SHA-256 efefefef… 25 %, before 0 %/,
      });
      await later(page, shown);
      await panel.getByText('Shares as a table').click();
      const rows = panel.locator('tbody tr');
      assert.equal(await rows.count(), 3);
      assert.match(await rows.first().innerText(), /4\s+75 %\s+25 %/);
      await panel.getByRole('button', { name: '7 days' }).click();
      await rows.nth(3).waitFor();
      await panel.getByRole('link', { name: 'SHA-256 efefefef…' }).click();
      await page.locator('td.col-pod', { hasText: 'database-1' }).waitFor();
      change(caFingerprint);
      await page.goBack();
      await later(page, panel.getByRole('img', { name: /abababab… 100 %/ }));
    });

    test('no page threw an error or violated the content security policy', () => {
      assert.deepEqual(browser.problems, []);
    });
  });
}
