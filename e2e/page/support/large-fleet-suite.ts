import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { MemoryVolumes } from '../../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import { ControllerFixture } from '../../fleet/support/controller-fixture.ts';
import { reportOf } from '../../fleet/support/volume-report.ts';
import { buildPage } from './built-page.ts';
import { PageBrowser } from './page-browser.ts';

const perNode = 1000;
const hourMs = 3_600_000;
const seedLimitMs = 240_000;

let browser: PageBrowser;
let controller: ControllerFixture;

async function start(nodes: readonly string[]): Promise<void> {
  buildPage();
  controller = await ControllerFixture.start(nodes);
  await controller.startController(['--api-auth=none']);
  for (const node of nodes) controller.startAgent(volumesOf(node), node);
  const total = nodes.length * perNode;
  const endMs = Date.now() + seedLimitMs;
  for (;;) {
    const { volumes } = await controller.api<{ readonly volumes: number }>('summary');
    if (volumes === total) break;
    if (Date.now() > endMs) throw new Error(`expected ${total} volumes, found ${volumes}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  browser = await PageBrowser.launch();
}

/** A node's volumes: of twenty namespaces and five issuers, due over the next weeks. */
function volumesOf(node: string): MemoryVolumes {
  const volumes = new MemoryVolumes();
  for (let i = 0; i < perNode; i++) {
    const id = `csi-${node}-${i}`;
    volumes.set(
      id,
      reportOf(id, {
        namespace: `team-${i % 20}`,
        pod: `app-${i % 50}-${node}-${i}`,
        issuer: `issuer-${i % 5}`,
        dueInMs: (1 + ((i * 7919) % 500)) * hourMs,
        expiresInMs: (300 + ((i * 7919) % 500)) * hourMs,
      }),
    );
  }
  return volumes;
}

/** Sorted durations of sequential requests in milliseconds. */
async function timesOf(paths: readonly string[]): Promise<readonly number[]> {
  const times: number[] = [];
  for (const path of paths) {
    const startedMs = performance.now();
    const { status } = await controller.api<{ readonly status: number }>(path);
    times.push(performance.now() - startedMs);
    assert.equal(status, 200, path);
  }
  return times.sort((a, b) => a - b);
}

/** Prints the response times. They are not asserted, because machines are shared; benchmarks have the goals. */
function printTimes(name: string, times: readonly number[]): void {
  const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
  console.log(`${name}: p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms`);
}

function apiTests(): void {
  test('the API answers first pages, filtered and sorted pages and the summary', async () => {
    const count = 100;
    const some = (query: (i: number) => string): string[] =>
      Array.from({ length: count }, (_, i) => `volumes?${query(i)}`);
    printTimes('first page', await timesOf(some((i) => `limit=${100 + i}&sort=renews`)));
    const filtered = some(
      (i) => `namespace=team-${i % 20}&search=app-${i % 50}&sort=expires&order=desc&limit=${100 + i}`,
    );
    printTimes('filtered and sorted page', await timesOf(filtered));
    printTimes('summary', await timesOf(Array.from({ length: 20 }, () => 'summary')));
  });
}

/** @param total the number of volumes as the page writes it */
function pageTests(total: string): void {
  test('a user opens the table, searches, sorts and pages', async () => {
    const page = await browser.open(`${controller.url}/volumes`);
    await page.getByText(`1–100 of ${total}`).waitFor();
    const steps: readonly (readonly [name: string, act: () => Promise<void>, shown: string])[] = [
      ['next page', () => page.getByRole('button', { name: 'Next' }).click(), `101–200 of ${total}`],
      ['previous page', () => page.getByRole('button', { name: 'Previous' }).click(), `1–100 of ${total}`],
      ['sort', () => page.getByRole('columnheader', { name: 'Pod' }).getByRole('button').click(), `1–100 of ${total}`],
      ['search', () => page.getByRole('searchbox').first().fill('app-7-worker-004'), '1–20 of 20'],
      ['filter', () => page.getByRole('button', { name: 'Healthy' }).click(), '1–20 of 20'],
    ];
    for (const [name, act, shown] of steps) {
      const startedMs = performance.now();
      await act();
      await page.getByText(shown).waitFor();
      await page.locator('table.busy').waitFor({ state: 'detached' });
      console.log(`${name}: ${(performance.now() - startedMs).toFixed(0)} ms`);
    }
  });

  test(`the overview shows ${total} volumes with its chart`, async () => {
    const startedMs = performance.now();
    const page = await browser.open(`${controller.url}/`);
    await page.locator('.chart canvas').waitFor();
    console.log(`overview with its chart: ${(performance.now() - startedMs).toFixed(0)} ms`);
    await page.getByText(total).first().waitFor();
  });
}

/** The page with a thousand volumes on each of some nodes: response times of the server and of the page. */
export function largeFleetSuite(nodeCount: number): void {
  const nodes = Array.from({ length: nodeCount }, (_, i) => `worker-${String(i).padStart(3, '0')}`);

  describe('the page with a large fleet', () => {
    before(() => start(nodes));

    afterEach(() => browser.closePages());

    after(async () => {
      await browser[Symbol.asyncDispose]();
      await controller[Symbol.asyncDispose]();
    });

    apiTests();
    pageTests((nodeCount * perNode).toLocaleString('en'));

    test('no page threw an error', () => {
      assert.deepEqual(browser.problems, []);
    });
  });
}
