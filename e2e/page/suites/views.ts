// The page's content in a real Chromium, from a real controller with the agents' links.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { eventually } from '../../fleet/support/eventually.ts';
import { exampleFleet } from '../support/example-fleet.ts';
import { PageBrowser } from '../support/page-browser.ts';
import { PageFleet } from '../support/page-fleet.ts';

let browser: PageBrowser;
let fleet: PageFleet;

const open = (path: string): Promise<Page> => browser.open(`${fleet.url}${path}`);

/** The pods of the table's rows in order, once there are that many. */
async function podsShown(page: Page, count: number): Promise<readonly string[]> {
  const rows = page.locator('#main tbody tr');
  await rows.nth(count).waitFor({ state: 'detached' });
  if (count > 0) await rows.nth(count - 1).waitFor();
  return await page.locator('#main tbody td.col-pod').allInnerTexts();
}

/** Waits until the table shows exactly these pods in this order. */
async function expectPods(page: Page, pods: readonly string[]): Promise<void> {
  const first = page.locator('#main tbody tr:first-child td.col-pod', { hasText: pods[0] ?? '' });
  if (pods.length > 0) await first.waitFor();
  let shown: readonly string[] = [];
  const areShown = async (): Promise<boolean> => {
    shown = await podsShown(page, pods.length);
    return shown.join() === pods.join();
  };
  // The first row may be the same in the order before.
  await eventually(`the pods ${pods.join()}`, areShown).catch(() => undefined);
  assert.deepEqual(shown, pods);
}

/** A page of the API with a pod certificate in each of these states. */
function podCertificates(states: readonly string[]): object {
  const at = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString();
  const certificates = states.map((state) => ({
    ...{ kind: 'pod-certificate', id: state, namespace: 'shop', pod: `web-${state}`, podUid: `uid-${state}`, state },
    ...{ serviceAccount: 'web', node: 'worker-1', workload: 'Deployment/web', signer: 'example.com/internal' },
    ...{ volumes: ['tls'], keyType: 'ECDSAP256' },
    ...(state === 'denied' && { reason: 'IdentityNotAllowed', message: 'no entry of allowed matches', since: at(-1) }),
    ...(state === 'issued' && { notBefore: at(-8), beginRefreshAt: at(8), notAfter: at(16) }),
  }));
  const byState = { denied: 1, failed: 0, expired: 0, overdue: 0, pending: 0, unknown: 1, issued: 1 };
  const following = { following: 'outdated', problem: 'no replica follows them' };
  return { certificates, total: certificates.length, byState, signers: ['example.com/internal'], ...following };
}

/** The content of the views. */
export function viewsSuite(): void {
  describe('views of the page', { concurrency: false }, () => {
    before(async () => {
      fleet = await PageFleet.start(exampleFleet, ['--api-auth=none', '--cluster-name=prod-eu', '--pod-label=team']);
      await fleet.untilShown(6);
      browser = await PageBrowser.launch();
    });

    afterEach(() => browser.closePages());

    after(async () => {
      await browser[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
    });

    test('the overview counts weak certificates, and a count leads to their rows', async () => {
      const page = await open('/');
      const panel = page.getByRole('region', { name: 'Certificate posture' });
      await panel.getByText('RSA keys below 2048 bits').waitFor();
      await panel.getByRole('link', { name: '1', exact: true }).click();
      await page.getByRole('button', { name: 'Clear filter RSA below' }).waitFor();
      assert.equal((await podsShown(page, 1)).length, 1);
      await page.getByLabel('Certificates with').selectOption({ label: 'Lifetime over 398 days' });
      await page.getByText('No results').waitFor();
    });

    test('the overview counts the fleet by state and lists problems', async () => {
      const page = await open('/');
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      await page.getByRole('banner').getByText('prod-eu').waitFor();
      assert.match(await page.title(), /Overview · prod-eu · certfleet$/);
      const states = await page.locator('.states a').allInnerTexts();
      const count = (state: string): string | undefined =>
        states
          .find((text) => text.startsWith(state))
          ?.split('\n')
          .at(-1);
      assert.deepEqual([count('Healthy'), count('Failing'), count('Expired')], ['4', '1', '1']);
      await page.getByText('2 online').waitFor();
      const attention = page.locator('.attention li');
      await attention
        .filter({ hasText: /expired/ })
        .first()
        .waitFor();
      // The text links to its subject.
      await attention.filter({ hasText: /vault/ }).filter({ hasText: /fail/ }).getByRole('link').first().click();
      await page.getByRole('heading', { name: 'Volumes' }).waitFor();
      await expectPods(page, ['mail-1']);
    });

    test('a pod that has not loaded its renewed certificate is named, listed and explained', async () => {
      const page = await open('/');
      await page.locator('.attention li', { hasText: 'shop/cart-1 has not loaded' }).getByRole('link').click();
      await page.getByText(/The pod serves another certificate than the volume's/).waitFor();
      await page.getByText(/since 10 minutes ago|since 10m/).waitFor();
      const table = await open('/volumes?served=not-loaded&columns=pod,served');
      await expectPods(table, ['cart-1']);
      assert.equal(await table.locator('#main tbody td').last().innerText(), 'not loaded');
      await table.getByRole('button', { name: 'Clear filter served' }).click();
      await podsShown(table, 6);
    });

    test('the overview charts renewals, due volumes and expiry times, also as tables', async () => {
      const page = await open('/');
      await page.locator('.chart canvas').waitFor();
      assert.match((await page.getByRole('img').last().getAttribute('aria-label')) ?? '', /due in the next 24 hours/);
      await page.getByText('As a table').click();
      await page.locator('.as-table tbody tr').nth(47).waitFor();
      const expiry = await page.getByRole('table', { name: 'Certificates by the time until they expire' }).innerText();
      assert.match(expiry, /\d/);
    });

    test('the chart shows what operators did, can be zoomed by keyboard and mouse, and leads to the volumes', async () => {
      const { lanes } = await fleet.controller.api<{ lanes: readonly { id: string }[] }>('lanes');
      const lane = `lanes/${lanes[0]?.id ?? ''}`;
      await fleet.controller.api(`${lane}/pause`, { method: 'POST', body: { reason: 'CHG-1' } });
      await fleet.controller.api(`${lane}/resume`, { method: 'POST' });
      const page = await open('/');
      await page.locator('.chart canvas').waitFor();
      await page.getByText('As a table').click();
      const rows = page.locator('.as-table tbody tr');
      await rows.nth(90).waitFor();
      await rows.getByRole('link', { name: /Pause lane/ }).waitFor();
      const zoomIn = page.getByRole('button', { name: 'Zoom in' });
      await zoomIn.focus();
      await page.keyboard.press('Enter');
      await rows.nth(50).waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Zoom out' }).click();
      await rows.nth(90).waitFor();
      const box = await page.locator('.u-over').boundingBox();
      assert.ok(box !== null);
      await page.mouse.move(box.x + box.width * 0.45, box.y + 20);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.6, box.y + 20, { steps: 5 });
      await page.mouse.up();
      await rows.nth(30).waitFor({ state: 'detached' });
      assert.equal(new URL(page.url()).pathname, '/', 'the end of a drag is no click');
      await page.getByRole('button', { name: 'Zoom out' }).click();
      await page.locator('.as-table td.col-due a').first().click();
      await page.getByRole('heading', { name: 'Volumes' }).waitFor();
      assert.match(new URL(page.url()).search, /^\?renewsAfter=.*&renewsBefore=/);
      await page.goBack();
      await page.getByText('As a table').click();
      await page.getByRole('link', { name: /Pause lane/ }).click();
      await page.getByRole('cell', { name: 'CHG-1' }).waitFor();
    });

    test('the page of a lane shows the success and the latency of its issuer', async () => {
      await using own = await PageFleet.start({ 'worker-1': { 'csi-web': { pod: 'web-1' } } });
      await own.untilShown(1);
      const { lanes } = await own.controller.api<{ lanes: readonly { id: string }[] }>('lanes');
      const page = await browser.open(`${own.url}/lanes/${lanes[0]?.id ?? ''}`);
      await page.getByText('No renewal of this issuer has ended.').waitFor();
      const body = { selection: {}, everything: true, reason: 'roll' };
      await own.controller.api('renewals', { method: 'POST', body });
      await page.getByText('100 % of attempts succeeded: 1 renewal, 0 failed attempts').waitFor();
      await page.getByRole('img', { name: 'By hour: 1 renewal, 0 failed attempts' }).waitFor();
    });

    test('filters, search and states narrow the table, are part of the address and survive a reload', async () => {
      const page = await open('/volumes');
      await podsShown(page, 6);
      await page.getByPlaceholder('Namespace').fill('shop');
      await page.getByPlaceholder('Namespace').press('Enter');
      await podsShown(page, 3);
      await page.getByRole('button', { name: 'Healthy' }).click();
      await expectPods(page, ['web-1', 'cart-1']);
      await page.keyboard.press('/');
      await page.keyboard.type('CART');
      await expectPods(page, ['cart-1']);
      await page.waitForURL(/namespace=shop/);
      const { searchParams } = new URL(page.url());
      assert.deepEqual(Object.fromEntries(searchParams), { search: 'CART', namespace: 'shop', state: 'healthy' });
      await page.reload();
      await expectPods(page, ['cart-1']);
      await page.getByRole('button', { name: 'Clear filters' }).click();
      await podsShown(page, 6);
    });

    test('the search finds the text of an error, and namespace/pod', async () => {
      const page = await open('/volumes');
      await page.locator('[data-search]').fill('429 too many');
      await expectPods(page, ['mail-1', 'old-1']);
      await page.locator('[data-search]').fill('shop/ca');
      await expectPods(page, ['cart-1']);
    });

    test('workloads and labels have inputs that suggest known values, and keep what they cannot search', async () => {
      const page = await open('/volumes');
      await podsShown(page, 6);
      const suggested = (value: string): Promise<void> =>
        page.locator(`datalist option[value="${value}"]`).waitFor({ state: 'attached' });
      const workload = page.getByPlaceholder('Workload');
      await workload.focus();
      await suggested('shop/Deployment/web');
      await suggested('data/StatefulSet/database');
      await page.keyboard.type('STATEFUL');
      await page.locator('datalist option[value="shop/Deployment/web"]').waitFor({ state: 'detached' });
      await suggested('data/StatefulSet/database');
      await page.keyboard.press('Enter');
      await expectPods(page, ['database-1']);
      assert.equal(new URL(page.url()).searchParams.get('workload'), '*STATEFUL*');
      await workload.fill('shop/Deployment/web');
      await workload.press('Enter');
      await expectPods(page, ['web-1']);
      await workload.fill('');
      await workload.press('Enter');
      await podsShown(page, 6);
      const team = page.getByPlaceholder('Label team');
      await team.focus();
      await suggested('payments');
      await suggested('core');
      await page.keyboard.type('payments');
      await page.keyboard.press('Enter');
      await podsShown(page, 2);
      assert.equal(new URL(page.url()).searchParams.get('label'), 'team=payments');
      assert.equal(await page.getByRole('button', { name: 'Clear filter label' }).count(), 0);
      await team.fill('no label');
      await team.press('Enter');
      const message = (): Promise<string> =>
        team.evaluate((input: { validationMessage: string }) => input.validationMessage);
      assert.match(await message(), /letters, digits/);
      assert.equal(new URL(page.url()).searchParams.get('label'), 'team=payments');
      await page.goto(`${fleet.url}/volumes?label=team=core,app=x`);
      assert.equal(await team.inputValue(), 'core');
      // A label without an input can still be cleared.
      await page.getByRole('button', { name: 'Clear filter label' }).click();
      await podsShown(page, 6);
    });

    test('the width of a column is changed by arrow keys or by dragging, is remembered, and can be reset', async () => {
      const page = await open('/volumes');
      await podsShown(page, 6);
      const head = page.getByRole('columnheader', { name: 'Pod', exact: true });
      const handle = page.getByRole('separator', { name: 'Width of Pod' });
      const width = async (): Promise<number> => (await head.boundingBox())?.width ?? 0;
      const becomes = (wanted: number): Promise<void> =>
        eventually(`a width of ${wanted} px`, async () => Math.abs((await width()) - wanted) <= 1.5);
      const before = await width();
      await handle.focus();
      await page.keyboard.press('ArrowRight');
      await becomes(before + 16);
      await page.keyboard.press('ArrowRight');
      await becomes(before + 32);
      assert.equal(Number(await handle.getAttribute('aria-valuenow')), Math.round(await width()));
      const box = await handle.boundingBox();
      assert.ok(box !== null);
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      await page.mouse.move(x, y);
      await page.mouse.down();
      await page.mouse.move(x - 30, y, { steps: 3 });
      await page.mouse.move(x - 50, y, { steps: 3 });
      await becomes(before - 18);
      await page.mouse.up();
      await page.reload();
      await podsShown(page, 6);
      await becomes(before - 18);
      await page.getByText('Columns', { exact: true }).click();
      await page.getByRole('button', { name: 'Reset the widths' }).click();
      await becomes(before);
      // In a table of many columns, which scrolls.
      await page.goto(
        `${fleet.url}/volumes?columns=pod,namespace,node,issuer,expires,renews,state,serial,dns,key,cause,issued`,
      );
      await podsShown(page, 6);
      const wide = await width();
      await handle.press('ArrowRight');
      await becomes(wide + 16);
    });

    test('each filter selects by its field', async () => {
      const found: readonly (readonly [query: string, pods: readonly string[]])[] = [
        ['node=worker-2&sort=pod', ['database-1', 'mail-1', 'queue-1']],
        ['pod=web-1', ['web-1']],
        ['issuer=ClusterIssuer.cert-manager.io//vault&sort=pod', ['mail-1', 'old-1']],
        ['state=expired,failing&sort=pod', ['mail-1', 'old-1']],
        ['expiresBefore=4h&state=healthy', ['web-1']],
        ['search=data&sort=pod&order=desc', ['queue-1', 'database-1']],
      ];
      const page = await open('/');
      for (const [query, pods] of found) {
        await page.goto(`${fleet.url}/volumes?${query}`);
        await expectPods(page, pods);
      }
      await page.goto(`${fleet.url}/volumes?search=nothing-of-the-kind`);
      await page.getByText('No results').waitFor();
    });

    test('a click on a column header sorts by it, also for screen readers', async () => {
      const page = await open('/volumes?state=healthy');
      const byPod = page.getByRole('columnheader', { name: 'Pod' });
      await byPod.getByRole('button').click();
      await expectPods(page, ['cart-1', 'database-1', 'queue-1', 'web-1']);
      assert.equal(await byPod.getAttribute('aria-sort'), 'ascending');
      await byPod.getByRole('button').click();
      await expectPods(page, ['web-1', 'queue-1', 'database-1', 'cart-1']);
      assert.equal(await byPod.getAttribute('aria-sort'), 'descending');
      await page.getByRole('columnheader', { name: 'Expires' }).getByRole('button').click();
      await expectPods(page, ['web-1', 'queue-1', 'cart-1', 'database-1']);
    });

    test('columns, density and views are remembered by the browser, and the selection lists volumes of other pages', async () => {
      const page = await open('/volumes?namespace=shop&sort=pod');
      await podsShown(page, 3);
      await page.getByText('Columns', { exact: true }).click();
      await page.getByRole('checkbox', { name: 'Serial' }).check();
      await page.getByRole('checkbox', { name: 'Compact rows' }).check();
      await page.keyboard.press('Escape');
      await page.locator('.table-frame.compact').waitFor();
      await page.getByText('Views', { exact: true }).click();
      await page.getByLabel('Name of this view').fill('Shop');
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: 'Shop', exact: true }).waitFor();
      await page.keyboard.press('Escape');
      await page.getByLabel('Select worker-1/csi-web').check();
      await page.getByRole('link', { name: 'Volumes', exact: true }).click();
      await podsShown(page, 6);
      await page.getByRole('columnheader', { name: 'Serial' }).waitFor();
      await page.getByRole('region', { name: 'Selection' }).getByText('Show').click();
      await page.getByRole('button', { name: 'Deselect worker-1/csi-web' }).click();
      await page.getByRole('region', { name: 'Selection' }).waitFor({ state: 'detached' });
      await page.reload();
      await page.locator('.table-frame.compact').waitFor();
      await page.getByRole('columnheader', { name: 'Serial' }).waitFor();
      await page.getByText('Views', { exact: true }).click();
      await page.getByRole('link', { name: 'Shop', exact: true }).click();
      await podsShown(page, 3);
      await page.getByText('Views', { exact: true }).click();
      await page.getByRole('button', { name: 'Delete view Shop' }).click();
      await page.getByText('No view is saved in this browser.').waitFor();
    });

    test('columns can be chosen, and the choice is in the address', async () => {
      const page = await open('/volumes?sort=pod');
      await page.getByText('Columns', { exact: true }).click();
      await page.getByRole('checkbox', { name: 'Serial' }).check();
      await page.getByRole('checkbox', { name: 'Attempts' }).uncheck();
      await page.keyboard.press('Escape');
      await page.getByRole('columnheader', { name: 'Serial' }).waitFor();
      await page.goto(page.url());
      await page.getByRole('columnheader', { name: 'Serial' }).waitFor();
      assert.equal(await page.getByRole('columnheader', { name: 'Attempts' }).count(), 0);
    });

    test('the filtered table is exported as CSV and as JSON', async () => {
      const page = await open('/volumes?namespace=data&sort=pod');
      await podsShown(page, 2);
      const download = async (name: string): Promise<string> => {
        await page.getByText('Export', { exact: true }).click();
        const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name }).click()]);
        await page.keyboard.press('Escape');
        return await readFile(await file.path(), 'utf8');
      };
      const csv = (await download('As CSV')).trim().split(/\r?\n/);
      assert.equal(csv.length, 3);
      assert.match(csv[1] ?? '', /database-1/);
      const json = JSON.parse(await download('As JSON')) as readonly { readonly pod: string }[];
      assert.deepEqual(
        json.map(({ pod }) => pod),
        ['database-1', 'queue-1'],
      );
    });

    test('a volume shows its identity and why its renewal fails', async () => {
      const page = await open('/volumes?pod=mail-1');
      await page.getByRole('link', { name: 'mail-1' }).click();
      await page.getByRole('heading', { name: 'mail-1' }).waitFor();
      const main = page.locator('#main');
      for (const text of ['CN=mail-1.mail.svc', 'rate limit exceeded', 'worker-2', 'cd'.repeat(32), 'uid-csi-mail']) {
        await main.getByText(text).first().waitFor();
      }
      await page.getByRole('heading', { name: 'History' }).waitFor();
      // These agents have no files: the page shows a message instead of nothing.
      await page.getByRole('button', { name: 'Load from the node' }).click();
      await page.getByRole('region', { name: 'Certificate and chain' }).getByRole('alert').waitFor();
    });

    test('lanes and nodes show the same facts', async () => {
      const page = await open('/lanes');
      await page.getByRole('link', { name: 'internal' }).click();
      await page.getByRole('heading', { name: 'internal' }).waitFor();
      await page.getByText('ClusterIssuer.cert-manager.io//internal').first().waitFor();
      await page.getByRole('link', { name: 'database-1' }).waitFor();
      await page.getByRole('link', { name: 'Nodes', exact: true }).click();
      await page.getByRole('link', { name: 'worker-1' }).click();
      await page.getByRole('heading', { name: 'worker-1' }).waitFor();
      await page.getByText('1.0.0').waitFor();
      await page.getByRole('link', { name: 'web-1' }).waitFor();
    });

    test('missing objects are reported, with a suggestion', async () => {
      const page = await open('/volumes/worker-1/unknown');
      await page.getByRole('alert').waitFor();
      await page.goto(`${fleet.url}/moon`);
      await page.getByText('There is no page at this address').waitFor();
      await page.goto(`${fleet.url}/renewals`);
      await page.getByText('No renewals on demand').waitFor();
    });

    test('the theme is chosen and stored', async () => {
      const page = await open('/');
      const shade = (): Promise<string> => page.evaluate('getComputedStyle(document.documentElement).colorScheme');
      await page.getByRole('button', { name: /^Theme/ }).click();
      await page.getByRole('button', { name: /^Theme: light/ }).click();
      await page.reload();
      await page.getByRole('button', { name: /^Theme: dark/ }).waitFor();
      assert.equal(await shade(), 'dark');
    });

    test('pod certificates are in the navigation if they are followed, with states, filters and details', async () => {
      const off = await open('/pod-certificates');
      await off.getByText('controller.podCertificates.enabled').waitFor();
      assert.equal(await off.getByRole('navigation').getByText('Pod certificates').count(), 0);
      // The rows come from pods of a real API server in e2e/fleet/pod-certificates.test.ts.
      const session = await fleet.controller.api<object>('session');
      const page = await browser.open('about:blank', { viewport: { width: 1280, height: 800 } });
      await page.route('**/api/v1/session', (route) =>
        route.fulfill({ json: { ...session, showsPodCertificates: true } }),
      );
      const asked: string[] = [];
      await page.route('**/api/v1/pod-certificates?*', (route) => {
        asked.push(new URL(route.request().url()).search);
        const isFiltered = route.request().url().includes('state=denied');
        return route.fulfill({ json: podCertificates(isFiltered ? ['denied'] : ['denied', 'unknown', 'issued']) });
      });
      await page.goto(`${fleet.url}/`);
      await page.getByRole('navigation').getByRole('link', { name: 'Pod certificates' }).click();
      await page.getByText('may be outdated or incomplete: no replica').waitFor();
      assert.deepEqual(await podsShown(page, 3), ['web-denied', 'web-unknown', 'web-issued']);
      await page.getByRole('cell', { name: 'until the next refresh' }).waitFor();
      await page.getByRole('button', { name: 'Details of web-denied' }).click();
      const details = page.getByRole('region', { name: 'Details of web-denied' });
      await details.getByText('no entry of allowed matches').waitFor();
      await details.getByText('Pod certificate', { exact: true }).waitFor();
      await page.locator('tr.details', { has: details }).waitFor();
      await page.getByRole('button', { name: 'Details of web-denied' }).click();
      await details.waitFor({ state: 'detached' });
      await page
        .getByRole('group', { name: 'States' })
        .getByRole('button', { name: /^Denied/ })
        .click();
      await expectPods(page, ['web-denied']);
      await page.getByRole('columnheader', { name: 'Pod' }).getByRole('button').click();
      await page.waitForURL('**/pod-certificates?state=denied&sort=pod');
      assert.ok(asked.every((query) => query.includes('limit=100')));
      await page.setViewportSize({ width: 320, height: 640 });
      const width = await page.evaluate<number>('document.documentElement.scrollWidth');
      assert.ok(width <= 320, `the page is ${width} px wide`);
      await page.goto(`${fleet.url}/pod-certificates?issuer=x`);
      await page.getByText('issuer=x').waitFor();
    });

    test('on a phone of 320 px nothing is wider than the screen', async () => {
      const page = await browser.open(`${fleet.url}/`, { viewport: { width: 320, height: 640 } });
      for (const path of [
        '/',
        '/volumes',
        '/volumes/worker-2/csi-mail',
        '/lanes',
        '/nodes',
        '/nodes/worker-1',
        '/audit',
        '/at-risk',
        '/volumes?group=issuer',
        '/wall',
        '/cas',
      ]) {
        await page.goto(`${fleet.url}${path}`);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await page.locator('.loading').first().waitFor({ state: 'detached' });
        const width = await page.evaluate<number>('document.documentElement.scrollWidth');
        assert.ok(width <= 320, `${path} is ${width} px wide`);
      }
    });

    test('the whole page is smaller than 100 KB, in few requests', async () => {
      const page = await browser.open('about:blank');
      const sizes: number[] = [];
      page.on('requestfinished', (request) => {
        if (request.url().startsWith(fleet.url) && !request.url().includes('/api/')) {
          void request.sizes().then(({ responseBodySize }) => sizes.push(responseBodySize));
        }
      });
      await page.goto(`${fleet.url}/`);
      await page.locator('.chart canvas').waitFor();
      const total = sizes.reduce((sum, size) => sum + size, 0);
      console.log(`page weight: ${(total / 1024).toFixed(1)} KB in ${sizes.length} requests`);
      assert.ok(total > 0 && total < 100 * 1024, `${total} bytes`);
      assert.ok(sizes.length <= 6);
    });

    test('no page threw an error or violated the content security policy', () => {
      assert.deepEqual(browser.problems, []);
    });
  });
}
