// axe on every view with its dialogs and menus, light and dark, on a laptop and on a phone.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { exampleFleet } from './support/example-fleet.ts';
import { PageBrowser } from './support/page-browser.ts';
import { PageFleet } from './support/page-fleet.ts';

let browser: PageBrowser;
let fleet: PageFleet;

before(async () => {
  fleet = await PageFleet.start(exampleFleet, ['--api-auth=none', '--pod-label=team']);
  await fleet.untilShown(6);
  const { lanes } = await fleet.controller.api<{ lanes: readonly { id: string; key: string }[] }>('lanes');
  lane = lanes.find(({ key }) => key.endsWith('/internal'))?.id ?? '';
  await fleet.controller.api(`lanes/${lane}/pause`, { method: 'POST', body: { reason: 'CHG-4411' } });
  const body = { selection: { query: { namespace: 'data' } }, reason: 'roll' };
  renewal = (await fleet.controller.api<{ id: string }>('renewals', { method: 'POST', body })).id;
  browser = await PageBrowser.launch();
});

afterEach(() => browser.closePages());

after(async () => {
  await browser[Symbol.asyncDispose]();
  await fleet[Symbol.asyncDispose]();
});

let lane = '';
let renewal = '';
const views = (): readonly string[] => [
  '/',
  '/volumes',
  '/volumes?search=nothing',
  '/volumes/worker-2/csi-mail',
  '/lanes',
  `/lanes/${lane}`,
  '/nodes',
  '/nodes/worker-1',
  '/at-risk',
  '/volumes?group=issuer',
  '/wall',
  '/pod-certificates',
  '/cas',
  '/renewals',
  '/rotations',
  `/renewals/${renewal}`,
  '/audit?who=x',
  '/audit',
  '/moon',
];

async function violationsOf(page: Page): Promise<readonly string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.map(
    ({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ html }) => html.slice(0, 120)).join(' ')})`,
  );
}

describe('accessibility of the page', () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1280, 320]) {
      test(`axe reports nothing in any view, ${colorScheme}, ${width} px`, async () => {
        const page = await browser.open(`${fleet.url}/`, { colorScheme, viewport: { width, height: 800 } });
        for (const path of views()) {
          await page.goto(`${fleet.url}${path}`);
          await page.getByRole('heading', { level: 1 }).waitFor();
          if (path !== '/wall') await page.locator('.live-live').waitFor();
          await page.locator('.loading').first().waitFor({ state: 'detached' });
          assert.deepEqual(await violationsOf(page), [], path);
        }
      });
    }

    test(`axe reports nothing in dialogs and menus, ${colorScheme}`, async () => {
      const page = await browser.open(`${fleet.url}/volumes`, { colorScheme });
      await page.getByText('Views', { exact: true }).click();
      assert.deepEqual(await violationsOf(page), []);
      await page.getByText('Columns', { exact: true }).click();
      assert.deepEqual(await violationsOf(page), []);
      await page.keyboard.press('Escape');
      await page.getByRole('separator', { name: 'Width of Pod' }).press('ArrowRight');
      await page.locator('table.sized').waitFor();
      await page.getByPlaceholder('Label team').focus();
      await page.locator('datalist option[value="payments"]').waitFor({ state: 'attached' });
      assert.deepEqual(await violationsOf(page), []);
      await page.getByRole('button', { name: /^Renew all/ }).click();
      await page.getByRole('button', { name: /^Renew 6/ }).waitFor();
      assert.deepEqual(await violationsOf(page), []);
    });
  }
});
