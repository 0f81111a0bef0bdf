// The page never offers an action on what it does not know to be true, and a renewal touches what its dialog showed.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { Renewal, RenewalPreview } from '../../../libs/operator-api/src/renewals.ts';
import { eventually } from '../../fleet/support/eventually.ts';
import { reportOf } from '../../fleet/support/volume-report.ts';
import { exampleFleet } from '../support/example-fleet.ts';
import { later } from '../support/page-clock.ts';
import { PageBrowser } from '../support/page-browser.ts';
import { PageFleet } from '../support/page-fleet.ts';

let browser: PageBrowser;
let fleet: PageFleet;
const minute = 60_000;

const open = (path: string): Promise<Page> => browser.open(`${fleet.url}${path}`);
const rowsOf = (page: Page, pod: string) => page.locator('#main tbody tr', { hasText: pod });

/** What may be acted on. */
export function truthSuite(): void {
  describe('the truth of the page', { concurrency: false }, () => {
    before(async () => {
      browser = await PageBrowser.launch();
      fleet = await PageFleet.start(exampleFleet, ['--api-auth=none', '--heartbeat-interval=1s']);
      await fleet.untilShown(6);
    });

    afterEach(() => browser.closePages());

    after(async () => {
      await browser[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
    });

    describe('what the page shows is true', () => {
      test('rows of an earlier filter are neither shown nor renewable while the controller refuses', async () => {
        const page = await open('/volumes');
        await rowsOf(page, 'cart-1').waitFor();
        await page.route('**/api/v1/volumes?*', (route) => route.fulfill({ status: 503, body: 'no upstream' }));
        await page.getByRole('button', { name: 'Failing' }).click();
        await page.getByRole('alert').getByText('The controller does not respond').waitFor();
        await rowsOf(page, 'cart-1').waitFor({ state: 'detached' });
        const renew = page.getByRole('button', { name: 'Renew all that match…', exact: true });
        assert.equal(await renew.getAttribute('aria-disabled'), 'true');
        await renew.click({ force: true });
        await page.getByText('not current. Wait until').waitFor();
        assert.equal(await page.getByRole('dialog').count(), 0);
        await page.unroute('**/api/v1/volumes?*');
        await page.getByRole('button', { name: 'Renew all that match (1)…' }).waitFor();
        await page.getByRole('alert').waitFor({ state: 'detached' });
      });

      test('an address with an unusable filter names it and offers nothing; links of the page work', async () => {
        const page = await open('/volumes?expiresBefore=lol&nmespace=shop');
        await page.getByRole('alert').getByText('expiresBefore=lol nmespace=shop').waitFor();
        assert.equal(await page.getByRole('button', { name: /^Renew/ }).count(), 0);
        await page.goto(`${fleet.url}/nodes?state=bogus`);
        await page.getByRole('alert').getByText('bogus').waitFor();
        await page.goto(`${fleet.url}/nodes?state=online`);
        await rowsOf(page, 'worker-2').waitFor();
        await page.goto(`${fleet.url}/nodes?state=silent`);
        await page.getByText('No results').waitFor();
      });

      test('names are accepted as the table shows them, and in part', async () => {
        const page = await open('/volumes?sort=pod');
        const typed: readonly (readonly [label: string, text: string, shown: string, pod: string])[] = [
          ['Issuer', 'vault', 'vault', 'old-1'],
          ['Pod', 'queu', '*queu*', 'queue-1'],
          ['Namespace', 'sho', '*sho*', 'cart-1'],
        ];
        for (const [label, text, shown, pod] of typed) {
          await rowsOf(page, 'web-1').waitFor();
          await page.getByPlaceholder(label, { exact: true }).fill(text);
          await page.getByPlaceholder(label, { exact: true }).press('Enter');
          await rowsOf(page, 'mail-1').or(rowsOf(page, 'web-1')).or(rowsOf(page, pod)).first().waitFor();
          await rowsOf(page, 'database-1').waitFor({ state: 'detached' });
          await rowsOf(page, pod).waitFor();
          assert.equal(await page.getByPlaceholder(label, { exact: true }).inputValue(), shown);
          await page.getByRole('button', { name: 'Clear filters' }).click();
        }
      });

      test('back returns to the filter before, and the selection and the place in the table are kept', async () => {
        const page = await browser.open(`${fleet.url}/volumes?sort=pod`, { viewport: { width: 1280, height: 420 } });
        await page.getByRole('button', { name: 'Healthy' }).click();
        await rowsOf(page, 'old-1').waitFor({ state: 'detached' });
        await page.getByLabel('Select worker-1/csi-web').check();
        await page.evaluate('window.scrollTo(0, 120)');
        await page.getByRole('link', { name: 'web-1' }).click();
        await page.getByRole('heading', { name: 'web-1' }).waitFor();
        await page.goBack();
        await page.getByText('1 volume selected').waitFor();
        await eventually(
          'the place to be restored',
          async () => (await page.evaluate<number>('window.scrollY')) === 120,
        );
        await page.goBack();
        await rowsOf(page, 'old-1').waitFor();
        assert.equal(new URL(page.url()).search, '?sort=pod');
      });

      test('a browser whose clock is wrong shows times by the controller’s clock, and says so', async () => {
        const page = await browser.open('about:blank');
        await page.clock.install({ time: Date.now() + 45 * minute });
        await page.goto(`${fleet.url}/volumes?pod=mail-1&columns=pod,expires`);
        await page.getByText(/clock of this device is 4[45]m .*ahead/).waitFor();
        await rowsOf(page, 'mail-1')
          .getByText(/^in 5\dm/)
          .waitFor();
      });

      test('what expires first is the first problem', async () => {
        const mail = { namespace: 'mail', pod: 'mail-1', issuer: 'vault', dueInMs: -minute };
        const failure = { message: 'rate limit exceeded', attempts: 4 };
        fleet.on('worker-2').set('csi-mail', reportOf('csi-mail', { ...mail, expiresInMs: 26 * minute, failure }));
        const page = await open('/');
        await page.locator('.attention li').first().getByText('1 volume expires within 1 h').waitFor();
        await page.locator('.attention li').first().getByRole('link').click();
        await rowsOf(page, 'mail-1').waitFor();
        assert.equal(await page.locator('#main tbody tr').count(), 1);
      });

      test('volumes of a silent node and of a paused lane are at risk, with the reason', async () => {
        const page = await browser.openWithClock(`${fleet.url}/volumes?state=healthy&sort=pod`);
        const { lanes } = await fleet.controller.api<{ lanes: readonly { id: string; key: string }[] }>('lanes');
        const internal = lanes.find(({ key }) => key.endsWith('/internal'))?.id ?? '';
        await fleet.controller.api(`lanes/${internal}/pause`, { method: 'POST', body: { reason: 'CHG-4411' } });
        await rowsOf(page, 'database-1').getByText('lane paused').waitFor();
        await rowsOf(page, 'database-1').getByText('At risk').waitFor();
        await fleet.controller.stopAgent('worker-1');
        await later(page, rowsOf(page, 'web-1').getByText('node silent'));
        assert.equal(await page.getByText('Healthy').count(), 1, 'only the filter says healthy');
        await page.goto(`${fleet.url}/`);
        await page.getByText('renewal not certain').waitFor();
      });

      test('no page threw an error', () => {
        assert.deepEqual(browser.problems, []);
      });
    });

    describe('a renewal touches what its preview showed', () => {
      test('a volume that matches only since the preview is not renewed, and the request is counted once', async () => {
        await using own = await PageFleet.start({ 'worker-1': { 'csi-web': {}, 'csi-cart': {} } });
        await own.untilShown(2);
        const selection = { query: { namespace: 'shop' } };
        const ask = <T>(body: object): Promise<T> =>
          own.controller.api<T>('renewals', { method: 'POST', body: { selection, reason: 'trial', ...body } });
        const { token, count, volumes } = await ask<RenewalPreview>({ dryRun: true });
        assert.equal(count, 2);
        assert.deepEqual(volumes.map(({ volumeId }) => volumeId).sort(), ['csi-cart', 'csi-web']);
        own.on('worker-1').set('csi-late', reportOf('csi-late', { namespace: 'shop' }));
        await own.untilShown(3);
        const request = { token, requestId: 'r1' };
        const [first, second] = await Promise.all([ask<Renewal>(request), ask<Renewal>(request)]);
        assert.deepEqual([first.total, second.id], [2, first.id]);
        await eventually('the renewals to end', () => own.renewed.length === 2);
        assert.deepEqual(own.renewed, ['csi-cart', 'csi-web']);
        const other = await ask<{ status: number; message: string }>({ token: '2.unknown.0' });
        assert.equal(other.status, 412);
        assert.match(other.message, /has changed since its preview; it now matches 3 volumes/);
      });
    });
  });
}
