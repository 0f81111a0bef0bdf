// Screenshots of the page for the README: `npm run screenshots`. An example fleet, served by the real controller, in
// light and dark.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { PageBrowser } from './support/page-browser.ts';
import { PageFleet } from './support/page-fleet.ts';
import { pictureFleet } from './support/picture-fleet.ts';

const directory = resolve(import.meta.dirname, '../../docs/screenshots');
const pictures: Readonly<Record<string, (lane: string) => string>> = {
  overview: () => '/',
  'at-risk': () => '/at-risk',
  volumes: () => '/volumes',
  groups: () => '/volumes?group=namespace',
  volume: () => '/volumes/worker-2/csi-mail-0',
  lanes: () => '/lanes',
  lane: (lane) => `/lanes/${lane}`,
  nodes: () => '/nodes',
  node: () => '/nodes/worker-2',
  cas: () => '/cas',
  renewals: () => '/renewals',
  audit: () => '/audit',
};

async function settled(page: Page): Promise<void> {
  await page.locator('.live-live').waitFor();
  await page.locator('.loading').first().waitFor({ state: 'detached' });
}

mkdirSync(directory, { recursive: true });
await using fleet = await PageFleet.start(pictureFleet);
await fleet.untilShown(Object.values(pictureFleet).reduce((sum, volumes) => sum + Object.keys(volumes).length, 0));
const { lanes } = await fleet.controller.api<{ lanes: readonly { id: string; key: string }[] }>('lanes');
const lane = lanes.find(({ key }) => key.endsWith('/internal'))?.id ?? '';
await fleet.controller.api(`lanes/${lane}/pause`, { method: 'POST', body: { reason: 'CHG-4411, the CA moves' } });
const body = { selection: { query: { namespace: 'data' } }, reason: 'new intermediate' };
await fleet.controller.api('renewals', { method: 'POST', body });
await using browser = await PageBrowser.launch();
for (const colorScheme of ['light', 'dark'] as const) {
  for (const [name, path] of Object.entries(pictures)) {
    const page = await browser.open(`${fleet.url}${path(lane)}`, { colorScheme });
    await settled(page);
    await page.screenshot({ path: join(directory, `${name}-${colorScheme}.png`) });
    await page.context().close();
  }
}
