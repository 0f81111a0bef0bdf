// Selection, filters and commands of the tables of volumes, and what links charts and the audit log, in a real Chromium, from a real controller.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { eventually } from '../../fleet/support/eventually.ts';
import { exampleFleet } from '../support/example-fleet.ts';
import { answerWithPodCertificates, podCertificate } from '../support/followed-pods.ts';
import { PageBrowser } from '../support/page-browser.ts';
import { PageFleet } from '../support/page-fleet.ts';

let browser: PageBrowser;
let fleet: PageFleet;

const open = (path: string): Promise<Page> =>
  browser.open(`${fleet.url}${path}`, { permissions: ['clipboard-read', 'clipboard-write'] });

const rows = (page: Page, selector: string): Promise<string[]> => page.locator(selector).allInnerTexts();

/** Waits until the table has exactly these pods in this order. */
async function untilPods(page: Page, pods: readonly string[], selector = '#main tbody td.col-pod'): Promise<void> {
  let shown: readonly string[] = [];
  await eventually(`the pods ${pods.join()}`, async () => {
    shown = await rows(page, selector);
    return shown.join() === pods.join();
  }).catch(() => assert.deepEqual(shown, pods));
}

/** Waits until a table of groups has rows with these texts. */
async function untilGroups(
  page: Page,
  caption: string,
  texts: readonly RegExp[],
): Promise<ReturnType<Page['locator']>> {
  const table = page.getByRole('table', { name: caption });
  let shown: readonly string[] = [];
  await eventually(`the groups ${texts.join()}`, async () => {
    shown = (await table.locator('tbody tr').allInnerTexts()).map((text) => text.replaceAll(/\s+/g, ' ').trim());
    return shown.length === texts.length && texts.every((text, index) => text.test(shown[index] ?? ''));
  }).catch(() => assert.fail(`found ${shown.join(' | ')} in place of ${texts.join(' | ')}`));
  return table;
}

const pods = [
  podCertificate('shop', 'web-1', { hours: 2 }),
  podCertificate('shop', 'web-2', { hours: 20 }),
  podCertificate('shop', 'api-1', { hours: undefined }),
  podCertificate('data', 'db-1', { hours: 8, workload: 'Job/db', node: 'worker-2' }),
];

const timeSelect = (page: Page): ReturnType<Page['locator']> => page.locator('select', { hasText: 'Another time…' });
const pickedPods = '#main tbody tr.picked td.col-pod';
const selected = ['database-1', 'mail-1', 'old-1', 'queue-1'];
const copied = (page: Page): Promise<unknown> => page.evaluate('navigator.clipboard.readText()');

// Runs in the page.
const typeAtOnce = `new Promise((resolve) => {
  const observer = new MutationObserver(() => {
    const input = document.querySelector('input[placeholder="Expires within: a time"]');
    if (input === null) return;
    observer.disconnect();
    input.value = '2d';
    input.dispatchEvent(new InputEvent('input', { bubbles: true }));
    const afterFrames = (count) => requestAnimationFrame(() => (count > 0 ? afterFrames(count - 1) : setTimeout(() => resolve(input.value))));
    afterFrames(3);
  });
  observer.observe(document.body, { childList: true, subtree: true });
  const select = document.querySelector('select:has(> option[value="another"])');
  select.value = 'another';
  select.dispatchEvent(new Event('change', { bubbles: true }));
})`;

/** Selection, filters and commands of the tables, charts and the audit log. */
export function tablesSuite(): void {
  describe('tables of the page', { concurrency: false }, () => {
    before(async () => {
      fleet = await PageFleet.start(exampleFleet, ['--api-auth=none', '--pod-label=team']);
      await fleet.untilShown(6);
      browser = await PageBrowser.launch();
    });

    afterEach(() => browser.closePages());

    after(async () => {
      await browser[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
    });

    test('a click with Shift selects the rows from the one before, or clears their selection', async () => {
      const page = await open('/volumes?sort=pod');
      await untilPods(page, ['cart-1', ...selected, 'web-1']);
      const box = (row: number): ReturnType<Page['locator']> => page.locator('#main tbody .pick input').nth(row);
      await box(4).click();
      await box(1).click({ modifiers: ['Shift'] });
      await untilPods(page, selected, pickedPods);
      assert.equal(await page.evaluate('getSelection().toString()'), '', 'no text is selected');
      await box(3).click({ modifiers: ['Shift'] });
      await untilPods(page, ['queue-1'], pickedPods);
      await page.getByRole('region', { name: 'Selection' }).getByText('Show').click();
      await page.locator('.picked li', { hasText: 'data/queue-1' }).waitFor();
    });

    test('X selects the rows from the one before by keyboard', async () => {
      const page = await open('/volumes?sort=pod');
      await untilPods(page, ['cart-1', ...selected, 'web-1']);
      for (const key of ['j', 'j', 'x', 'j', 'j', 'j', 'X']) await page.keyboard.press(key);
      await untilPods(page, selected, pickedPods);
      await page.keyboard.press('?');
      await page.getByText('Select all rows from the one before to this row').waitFor();
    });

    test('a filter accepts several names and parts of names, and suggests the last one', async () => {
      const page = await open('/volumes?sort=pod');
      const namespace = page.getByPlaceholder('Namespace');
      await namespace.fill('shop,da');
      await page.locator('datalist option[value="shop,data"]').waitFor({ state: 'attached' });
      await namespace.press('Enter');
      await page.waitForURL(/namespace=shop,\*da\*/);
      assert.equal(await namespace.inputValue(), 'shop,*da*');
      await untilPods(page, ['cart-1', 'database-1', 'old-1', 'queue-1', 'web-1']);
      const team = page.getByPlaceholder('Label team');
      await team.fill('core,payments');
      await team.press('Enter');
      await untilPods(page, ['cart-1', 'database-1', 'web-1']);
      assert.equal(new URL(page.url()).searchParams.get('label'), 'team=core,team=payments');
      await page.reload();
      await untilPods(page, ['cart-1', 'database-1', 'web-1']);
      assert.equal(await team.inputValue(), 'core,payments');
      await page.getByText('Renew all that match (3)').click();
      await page.getByRole('dialog').getByText('shop/cart-1').waitFor();
    });

    test('volumes are filtered by key usages, with suggestions, and by the lifetime that they request', async () => {
      const serves = { usages: ['digital signature', 'server auth'], requestedMs: 100 * 86_400_000, rsaBits: 3072 };
      const asks = { usages: ['client auth'], requestedMs: 3_600_000, rsaBits: 3072 };
      await using own = await PageFleet.start({
        'worker-1': {
          ...{ 'csi-a': { pod: 'a', ...serves }, 'csi-b': { pod: 'b', ...asks } },
          ...{ 'csi-c': { pod: 'c', ...asks, usages: ['code signing'] } },
        },
      });
      await own.untilShown(3);
      const page = await browser.open(`${own.url}/volumes?sort=pod`);
      await untilPods(page, ['a', 'b', 'c']);
      const usages = page.getByPlaceholder('Usages');
      await usages.fill('client auth,cod');
      await page.locator('datalist option[value="client auth,code signing"]').waitFor({ state: 'attached' });
      await usages.fill('client auth,code signing');
      await usages.press('Enter');
      await untilPods(page, ['b', 'c']);
      await usages.fill('timestamping');
      await usages.press('Enter');
      await page.getByText('No results').waitFor();
      await usages.fill('server');
      await usages.press('Enter');
      await untilPods(page, ['a']);
      assert.equal(await usages.inputValue(), '*server*');
      await page.getByLabel('Certificates with').selectOption({ label: 'Requested lifetime over 90 days' });
      await usages.fill('');
      await usages.press('Enter');
      await untilPods(page, ['a']);
      await page.getByRole('button', { name: 'Clear filter requested over' }).click();
      await untilPods(page, ['a', 'b', 'c']);
    });

    test('all that match are renewed, also by part of an issuer’s name and by what pods serve', async () => {
      for (const [query, ids] of [
        ['issuer=*intern*,no-issuer', ['csi-db', 'csi-queue']],
        ['served=not-loaded', ['csi-cart']],
      ] as const) {
        const page = await open(`/volumes?${query}`);
        await page.getByRole('button', { name: `Renew all that match (${ids.length})…` }).click();
        await page.getByLabel('Reason').fill('CHG-7');
        await page.getByRole('button', { name: /^Renew \d/ }).click();
        await page.getByRole('dialog').waitFor({ state: 'detached' });
        await eventually('the renewals', () => Promise.resolve(ids.every((id) => fleet.renewed.includes(id))));
      }
      assert.deepEqual(fleet.renewed, ['csi-cart', 'csi-db', 'csi-queue']);
    });

    test('a table, a selection and a row are copied as commands', async () => {
      const page = await open('/volumes?namespace=shop&sort=pod');
      await untilPods(page, ['cart-1', 'old-1', 'web-1']);
      await page.getByText('Export', { exact: true }).click();
      await page.getByRole('button', { name: 'Copy as kubectl' }).click();
      await page.getByText('Copied: kubectl get pods --namespace shop').waitFor();
      assert.equal(await copied(page), 'kubectl get pods --namespace shop');
      await page.goto(`${fleet.url}/volumes?namespace=shop&sort=pod&order=desc&risk=failing,expired`);
      await untilPods(page, ['old-1']);
      await page.getByText('Export', { exact: true }).click();
      await page.getByRole('button', { name: 'Copy as certfleet command' }).click();
      await eventually('the command', async () => {
        return (
          (await copied(page)) === 'certfleet list --risk=failing,expired --namespace=shop --sort=pod --order=desc'
        );
      });
      await page.goto(`${fleet.url}/volumes?namespace=shop&sort=pod`);
      await untilPods(page, ['cart-1', 'old-1', 'web-1']);
      await page.getByRole('button', { name: 'Details of worker-1/csi-web' }).click();
      await page.locator('tr.details').getByRole('button', { name: 'Copy as kubectl' }).click();
      await eventually('the command', async () => {
        return (await copied(page)) === 'kubectl describe pod web-1 --namespace shop';
      });
      await page.locator('tr.details').getByRole('button', { name: 'Copy as certfleet command' }).click();
      await eventually('the command', async () => (await copied(page)) === 'certfleet show csi-web');
      await page.getByLabel('Select worker-1/csi-web').check();
      await page.getByLabel('Select worker-1/csi-cart').check();
      await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: 'Copy as kubectl' }).click();
      await eventually('the command', async () => {
        return (await copied(page)) === 'kubectl get pods --namespace shop web-1 cart-1';
      });
    });

    test('what expires before any chosen time is listed, in the zone of the page', async () => {
      const page = await open('/at-risk');
      await untilPods(page, ['old-1', 'mail-1']);
      await page.keyboard.press('u');
      await timeSelect(page).selectOption('Another time…');
      const input = page.getByLabel('Expires within: a time');
      await input.fill('tomorrow');
      await input.press('Enter');
      const message = await input.evaluate(({ validationMessage }: { validationMessage: string }) => validationMessage);
      assert.match(message, /such as 30m/);
      const minutes = new Date(Date.now() + 20 * 60_000).toISOString().slice(0, 16);
      await input.fill(minutes.replace('T', ' '));
      await input.press('Enter');
      await untilPods(page, ['old-1']);
      assert.equal(new URL(page.url()).searchParams.get('expiresBefore'), `${minutes}:00Z`);
      const select = timeSelect(page);
      await select.getByText(`Expires before ${minutes.replace('T', ' ')}:00 UTC`).waitFor({ state: 'attached' });
      await select.selectOption('Another time…');
      await input.fill('2d');
      await input.press('Enter');
      await untilPods(page, ['old-1', 'mail-1']);
    });

    test('a time that is typed as soon as its input is there is kept', async () => {
      const page = await open('/at-risk');
      await untilPods(page, ['old-1', 'mail-1']);
      // Types in the microtask after the input was inserted, as a browser may that is late with its frames.
      const kept = await page.evaluate<string>(typeAtOnce);
      assert.equal(kept, '2d');
    });

    test('the audit log links to chosen volumes and nodes, is linked from them, and has any range of time', async () => {
      const post = async (selection: object, reason: string): Promise<void> => {
        await fleet.controller.api('renewals', { method: 'POST', body: { selection, reason } });
      };
      const volumes = [
        { node: 'worker-1', volumeId: 'csi-web' },
        { node: 'worker-2', volumeId: 'csi-db' },
      ];
      await post({ volumes }, 'CHG-8');
      await post({ query: { node: 'worker-2' } }, 'CHG-9');
      const page = await open('/nodes/worker-2');
      await page.getByRole('link', { name: 'Actions on this node' }).click();
      const reasons = page.locator('#main tbody td.col-reason');
      await reasons.filter({ hasText: 'CHG-9' }).waitFor();
      await reasons.filter({ hasText: 'CHG-8' }).waitFor();
      await page.getByRole('link', { name: 'node', exact: true }).click();
      await page.getByRole('heading', { name: 'worker-2' }).waitFor();
      await page.goBack();
      await page.getByRole('link', { name: 'volume worker-2/csi-db' }).click();
      await page.getByRole('heading', { name: 'database-1' }).waitFor();
      await page.getByRole('link', { name: 'Actions on this volume' }).click();
      await reasons.filter({ hasText: 'CHG-8' }).waitFor();
      await timeSelect(page).selectOption('The last hour');
      const until = page.getByLabel('Until');
      await until.fill('30m');
      await post({ volumes }, 'CHG-10');
      await reasons.filter({ hasText: 'CHG-10' }).waitFor();
      assert.equal(await until.inputValue(), '30m', 'a new entry resets what is typed');
      await until.press('Enter');
      await page.getByText('No results').waitFor();
      await until.fill(new Date(Date.now() + 60_000).toISOString());
      await until.press('Enter');
      await reasons.filter({ hasText: 'CHG-8' }).waitFor();
    });

    test('the charts of CAs and of a lane mark what operators did, with links to the audit log', async () => {
      await using own = await PageFleet.start({ 'worker-1': { 'csi-web': { pod: 'web-1' } } });
      await own.untilShown(1);
      const { lanes } = await own.controller.api<{ lanes: readonly { id: string }[] }>('lanes');
      const lane = `lanes/${lanes[0]?.id ?? ''}`;
      await own.controller.api(`${lane}/pause`, { method: 'POST', body: { reason: 'CHG-4' } });
      await own.controller.api(`${lane}/resume`, { method: 'POST' });
      const body = { selection: {}, everything: true, reason: 'roll' };
      await own.controller.api('renewals', { method: 'POST', body });
      const page = await browser.open(`${own.url}/${lane}`);
      // The renewal of everything does not name the lane.
      await page.getByText('2 actions of operators').click();
      await page.getByRole('listitem').filter({ hasText: 'Resume lane' }).waitFor();
      await page.goto(`${own.url}/cas`);
      await page.getByText('3 actions of operators').click();
      assert.match((await page.locator('.action-line').getAttribute('d')) ?? '', /^M2[23]\.\d\d 0V100M/);
      await page.getByRole('listitem').filter({ hasText: 'Pause lane' }).getByRole('link').click();
      await page.getByRole('cell', { name: 'CHG-4' }).waitFor();
      assert.equal(await page.locator('#main tbody tr').count(), 1);
    });

    test('pod certificates are filtered by parts of names, with suggestions', async () => {
      const page = await open('/volumes');
      await answerWithPodCertificates(page, pods);
      await page.goto(`${fleet.url}/pod-certificates?sort=pod`);
      await untilPods(page, ['api-1', 'db-1', 'web-1', 'web-2']);
      const namespace = page.getByPlaceholder('Namespace');
      await namespace.fill('sho');
      await page.locator('datalist option[value="shop"]').waitFor({ state: 'attached' });
      await namespace.press('Enter');
      await page.waitForURL(/namespace=\*sho\*|namespace=%2Asho%2A/);
      await untilPods(page, ['api-1', 'web-1', 'web-2']);
      await namespace.fill('shop');
      await namespace.press('Enter');
      await page.waitForURL(/namespace=shop&sort=pod$/);
      const workload = page.getByPlaceholder('Workload', { exact: true });
      await workload.fill('we');
      await page.locator('datalist option[value="shop/Deployment/web"]').waitFor({ state: 'attached' });
      await workload.fill('Deployment/web');
      await workload.press('Enter');
      await untilPods(page, ['web-1', 'web-2']);
      await page.getByRole('button', { name: 'Clear filters' }).click();
      await timeSelect(page).selectOption('Another time…');
      const input = page.getByLabel('Expires within: a time');
      await input.fill('3h');
      await input.press('Enter');
      await untilPods(page, ['web-1']);
    });

    test('pod certificates are grouped, with counts and the soonest expiry, and a group leads to its rows', async () => {
      const page = await open('/volumes');
      await answerWithPodCertificates(page, pods);
      await page.goto(`${fleet.url}/pod-certificates`);
      const groupBy = page.getByLabel('Group by');
      await groupBy.focus();
      await groupBy.selectOption('By namespace');
      const groups = await untilGroups(page, 'Pod certificates by namespace', [
        /shop 3 1 in (2h|1h)/,
        /data 1 0 in (8h|7h)/,
      ]);
      await page.getByText('4 pod certificates in 2 groups').waitFor();
      assert.equal(new URL(page.url()).search, '?group=namespace');
      assert.equal(await page.evaluate('document.activeElement?.tagName'), 'SELECT', 'the focus stays');
      await groups.getByRole('columnheader', { name: 'Soonest expiry' }).getByRole('button').click();
      await groups.getByRole('columnheader', { name: 'Namespace' }).getByRole('button').click();
      await untilGroups(page, 'Pod certificates by namespace', [/data 1/, /shop 3/]);
      await groupBy.selectOption('By workload');
      await untilGroups(page, 'Pod certificates by workload', [
        /Job\/db/,
        /Deployment\/api 1 1 –/,
        /Deployment\/web 2 0/,
      ]);
      await page.getByRole('group', { name: 'States' }).getByRole('button', { name: 'Issued 3' }).click();
      await untilGroups(page, 'Pod certificates by workload', [/Job\/db/, /Deployment\/web 2 0/]);
      await page.getByRole('link', { name: 'shop/Deployment/web' }).click();
      await untilPods(page, ['web-1', 'web-2']);
      await page.goBack();
      await page.getByRole('link', { name: 'data/Job/db' }).click();
      await untilPods(page, ['db-1']);
      await page.goto(`${fleet.url}/pod-certificates?group=risk`);
      await untilGroups(page, 'Pod certificates by risk', [/not at risk 3 0/, /Denied 1 1/]);
      await page.getByRole('link', { name: 'not at risk' }).click();
      await untilPods(page, ['web-1', 'db-1', 'web-2']);
      await page.goto(`${fleet.url}/pod-certificates?group=node&search=nothing`);
      await page.getByText('No results').waitFor();
    });

    test('columns, widths, density and views of pod certificates are remembered by the browser', async () => {
      const page = await open('/volumes');
      await answerWithPodCertificates(page, pods);
      await page.goto(`${fleet.url}/pod-certificates?state=issued&sort=pod`);
      await untilPods(page, ['db-1', 'web-1', 'web-2']);
      const handle = page.getByRole('separator', { name: 'Width of Signer' });
      await handle.press('ArrowRight');
      const width = Number(await handle.getAttribute('aria-valuenow'));
      await page.getByText('Columns', { exact: true }).click();
      await page.getByRole('checkbox', { name: 'ServiceAccount' }).check();
      await page.getByRole('checkbox', { name: 'Node' }).uncheck();
      await page.getByRole('checkbox', { name: 'Compact rows' }).check();
      await page.keyboard.press('Escape');
      await page.getByText('Views', { exact: true }).click();
      await page.getByLabel('Name of this view').fill('Issued');
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: 'Issued', exact: true }).waitFor();
      // A table of volumes has columns of its own.
      await page.goto(`${fleet.url}/volumes`);
      await page.locator('.table-frame.compact').waitFor();
      await page.getByRole('columnheader', { name: 'Node' }).waitFor();
      await page.goto(`${fleet.url}/pod-certificates?sort=pod`);
      await untilPods(page, ['api-1', 'db-1', 'web-1', 'web-2']);
      await page.locator('.table-frame.compact').waitFor();
      await page.getByRole('columnheader', { name: 'ServiceAccount' }).waitFor();
      assert.equal(await page.getByRole('columnheader', { name: 'Node' }).count(), 0);
      assert.ok(width > 16);
      assert.equal(await handle.getAttribute('aria-valuenow'), String(width));
      const shown = await page.getByRole('columnheader', { name: 'Signer' }).boundingBox();
      assert.ok(Math.abs((shown?.width ?? 0) - width) <= 1.5, `${shown?.width} px in place of ${width} px`);
      await page.getByText('Views', { exact: true }).click();
      await page.getByRole('link', { name: 'Issued', exact: true }).click();
      await untilPods(page, ['db-1', 'web-1', 'web-2']);
      await page.getByText('Columns', { exact: true }).click();
      await page.getByRole('button', { name: 'Reset the widths' }).click();
      assert.equal(await handle.getAttribute('aria-valuenow'), '0');
    });

    test('At risk groups pod certificates as its volumes, unless only volumes have the property', async () => {
      const page = await open('/volumes');
      await answerWithPodCertificates(page, pods);
      await page.goto(`${fleet.url}/at-risk?group=namespace`);
      await untilGroups(page, 'Volumes by namespace', [/shop 1 1/, /mail 1 1/]);
      const groups = await untilGroups(page, 'Pod certificates by namespace', [/shop 1 1 –/]);
      await page.getByLabel('Group by').selectOption('By CA');
      await page.getByText(/^Not shown: a filter or the groups/).waitFor();
      await page.getByLabel('Group by').selectOption('By workload');
      await untilGroups(page, 'Pod certificates by workload', [/shop\/Deployment\/api 1 1 –/]);
      await page.getByPlaceholder('Workload', { exact: true }).fill('no-workload');
      await page.getByPlaceholder('Workload', { exact: true }).press('Enter');
      await page.getByText('No pod certificate that matches is at risk.').waitFor();
      await page.goto(`${fleet.url}/at-risk?group=namespace`);
      await groups.getByRole('link', { name: 'shop' }).click();
      await untilPods(page, ['api-1']);
      assert.equal(new URL(page.url()).search, '?namespace=shop&risk=any');
    });

    test('no page threw an error', () => {
      assert.deepEqual(browser.problems, []);
    });
  });
}
