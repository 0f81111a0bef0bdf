// Each text of the page comes from the messages: a translation into a language with letters and digits of its own, made
// from the English one, leaves no English in any view, and its longer texts fit on a phone.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Page, ViewportSize as Size } from 'playwright-core';
import { problemKinds } from '../../../libs/operator-api/src/vocabulary.ts';
import { exampleFleet } from '../support/example-fleet.ts';
import { followLink } from '../support/follow-link.ts';
import { PageBrowser } from '../support/page-browser.ts';
import { PageFleet } from '../support/page-fleet.ts';
import { answerWithAllStates } from '../support/all-states.ts';
import { ServerTexts, strayTexts } from '../support/page-texts.ts';
import { buildPseudoPage } from '../support/pseudo-page.ts';
import { wholeResponse } from '../support/whole-response.ts';

/** Bengali: its digits and letters cannot be mistaken for those of English. */
const locale = 'bn';
const directory = mkdtempSync(join(tmpdir(), 'certfleet-pseudo-page-'));
let browser: PageBrowser;
let fleet: PageFleet;
let views: readonly string[];

const allColumns =
  'pod,namespace,node,issuer,expires,renews,state,attempts,error,generation,key,cause,issued,served,workload,labels,lifetime,risk,advice,ca';

const viewsWith = (lane: string, renewal: string): readonly string[] => [
  '/',
  '/wall',
  '/volumes',
  `/volumes?columns=${allColumns}`,
  '/volumes?search=nothing',
  '/volumes?moon=1',
  '/volumes?rsaBelow=3072&expiresBefore=24h',
  '/volumes?group=issuer',
  '/volumes?group=state',
  '/volumes?group=label:team',
  '/volumes/worker-1/csi-cart',
  '/volumes/worker-2/csi-mail',
  '/at-risk',
  '/at-risk?group=risk',
  '/pod-certificates',
  '/pod-certificates?group=node',
  '/pod-certificates?group=risk',
  '/pod-certificates?group=state',
  '/lanes',
  `/lanes/${lane}`,
  '/nodes',
  '/nodes?state=moon',
  '/nodes/worker-1',
  '/cas',
  '/renewals',
  `/renewals/${renewal}`,
  '/rotations',
  '/audit',
  '/audit?since=24h',
  '/audit?who=x',
  '/moon',
];

const laptop = { width: 1280, height: 800 };
const phone = { width: 390, height: 800 };

/** Opens a view, with times in UTC, as those in messages of the server. */
async function open(path: string, options: { readonly locale: string; readonly viewport?: Size }): Promise<Page> {
  const page = await browser.open('about:blank', { viewport: laptop, ...options });
  await page.addInitScript(
    "if (location.protocol !== 'about:') localStorage.setItem('certfleet-times', 'utc relative')",
  );
  await page.goto(`${fleet.url}${path}`);
  // Until then, a link would load the page again.
  await page.getByRole('heading', { level: 1 }).waitFor();
  return page;
}

// Runs in the page: the elements that make it wider than the screen, without those in a part that scrolls.
const tooWide = `(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth <= clientWidth) return [];
  const out = [...document.querySelectorAll('body *')].filter((element) => element.getBoundingClientRect().right > clientWidth + 0.5);
  return [scrollWidth + ' px', ...out.map((element) => element.cloneNode(false).outerHTML).slice(-5)];
})()`;

async function show(page: Page, path: string): Promise<void> {
  await followLink(page, path);
  await page.getByRole('heading', { level: 1 }).waitFor();
  if (path !== '/wall') await page.locator('.live-live').waitFor();
  await page.locator('.loading').first().waitFor({ state: 'detached' });
}

/** Texts of the page. */
export function messagesSuite(): void {
  describe('messages of the page', { concurrency: false }, () => {
    before(async () => {
      await buildPseudoPage(locale, directory);
      const flags = ['--api-auth=none', '--cluster-name=prod-eu', '--pod-label=team', `--page-directory=${directory}`];
      fleet = await PageFleet.start(exampleFleet, flags);
      await fleet.untilShown(6);
      const { lanes } = await fleet.controller.api<{ lanes: readonly { id: string; key: string }[] }>('lanes');
      const lane = lanes.find(({ key }) => key.endsWith('/internal'))?.id ?? '';
      await fleet.controller.api(`lanes/${lane}/pause`, { method: 'POST', body: { reason: 'CHG-4411' } });
      const body = { selection: { query: { namespace: 'data' } }, reason: 'roll', canary: 1 };
      const { id } = await fleet.controller.api<{ id: string }>('renewals', { method: 'POST', body });
      views = viewsWith(lane, id);
      browser = await PageBrowser.launch();
    });

    afterEach(() => browser.closePages());

    after(async () => {
      await browser[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    });

    test('the language is the first of the browser that has a translation, and the document states it', async () => {
      const lang = (page: Page): Promise<string | null> => page.locator('html').getAttribute('lang');
      const english = await open('/', { locale: 'fr-FR' });
      await english.getByRole('heading', { name: 'Overview', exact: true }).waitFor();
      assert.equal(await lang(english), 'en');
      const translated = await open('/', { locale: 'bn-BD' });
      await translated.getByRole('heading', { name: /^⟦Overview ~/ }).waitFor();
      assert.equal(await lang(translated), locale);
      assert.match(await translated.title(), /⟦Overview [~ ]+⟧ · prod-eu · certfleet$/);
    });

    test('without the file of the translation, the page is English', async () => {
      const page = await browser.open('about:blank', { locale });
      const isTranslation = /\/assets\/[^/]*pseudo[^/]*\.js$/;
      let isAborted = false;
      await page.route(isTranslation, async (route) => {
        isAborted = true;
        await route.abort();
      });
      await page.goto(`${fleet.url}/`);
      await page.getByRole('heading', { name: 'Overview', exact: true }).waitFor();
      assert.equal(isAborted, true);
      assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    });

    test('no view or dialog has a text that is neither a message nor from the server, and longer texts fit on a phone', async () => {
      const page = await open('/', { locale, viewport: phone });
      const server = new ServerTexts();
      server.listen(page);
      await answerWithAllStates(page);
      const stray: Record<string, readonly string[]> = {};
      const look = async (name: string): Promise<void> => {
        const texts = await strayTexts(page, server);
        if (texts.length > 0) stray[name] = texts;
      };
      const wide: Record<string, readonly string[]> = {};
      for (const path of views) {
        await page.setViewportSize(phone);
        await show(page, path);
        const elements = await page.evaluate<readonly string[]>(tooWide);
        if (elements.length > 0) wide[path] = elements;
        // A phone shows fewer columns.
        await page.setViewportSize(laptop);
        await look(path);
      }
      assert.deepEqual(wide, {});
      await show(page, '/');
      await page.getByRole('button', { name: /^⟦Show/ }).click();
      await page
        .locator('.attention li')
        .nth(problemKinds.length - 1)
        .waitFor();
      await look('all problems');
      await show(page, '/pod-certificates');
      await page.locator('tbody button').first().click();
      await page.getByRole('region', { name: /Details of web-denied/ }).waitFor();
      await look('details of a pod certificate');
      await show(page, '/rotations');
      await page
        .getByRole('button', { name: /Roll back/ })
        .first()
        .click();
      await page.getByRole('dialog').waitFor();
      await look('rollback of a rotation');
      await page.keyboard.press('Escape');
      await show(page, '/volumes');
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
      await look('shortcuts');
      await page.keyboard.press('Escape');
      // Until it is removed, a dialog has the keys.
      await page.locator('dialog').waitFor({ state: 'detached' });
      await page.keyboard.press('Control+k');
      await page.getByRole('dialog').getByRole('combobox').waitFor();
      await look('commands');
      await page.keyboard.press('Escape');
      await page.locator('dialog').waitFor({ state: 'detached' });
      await page.getByRole('button', { name: /Renew all that match/ }).click();
      await page.getByRole('button', { name: /Renew ৬ volumes/ }).waitFor();
      await look('renewal');
      assert.deepEqual(stray, {});
    });

    test('a problem without facts, or of a kind that the page does not know, is what the controller says', async () => {
      const page = await browser.open('about:blank', { locale });
      await page.route('**/api/v1/summary', async (route) => {
        const response = await wholeResponse(route);
        const common = { severity: 'warning', count: 1, link: '/' };
        const attention = [
          { ...common, kind: 'failing', text: 'a problem of an earlier release' },
          { ...common, kind: 'toString', facts: {}, text: 'a problem of a later release' },
        ];
        await route.fulfill({ response, json: { ...((await response.json()) as object), attention } });
      });
      await page.goto(`${fleet.url}/`);
      await page.getByRole('link', { name: 'a problem of an earlier release', exact: true }).waitFor();
      await page.getByRole('link', { name: 'a problem of a later release', exact: true }).waitFor();
    });
  });
}
