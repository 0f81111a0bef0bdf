import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';
import type { Figure } from '../figure.ts';
import { PageObserver, rendererSeconds } from '../page-observer.ts';
import { PageWorld } from '../page-world.ts';
import { cpuSecondsOf } from '../process-usage.ts';
import type { FleetScenario } from '../scenario.ts';

const loads = 5;
const searches = 200;
const renewals = 3;
const pages = 20;
const minuteMs = 60_000;

type Unit = Figure['unit'];

function figure(name: string, unit: Unit, agent: readonly number[], atMost?: number): Figure {
  return { name, unit, agent, ...(atMost !== undefined && { goal: { of: 'agent', is: '≤', value: atMost } }) };
}

/** The operators' page in a real Chromium, with 100,000 volumes of which five change each second. */
export const pageScenario: FleetScenario = {
  name: 'page',
  async run(log) {
    await using world = await PageWorld.start();
    // As root, Chromium only runs without its sandbox.
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
    const figures: Figure[] = [];
    const add = (...found: readonly Figure[]): void => {
      figures.push(...found);
      for (const { name, unit, agent } of found)
        log(`page: ${name} ${agent.map((each) => each.toFixed(2)).join(', ')} ${unit}`);
    };
    try {
      add(await idleCpu(world, browser));
      const stop = world.change();
      add(...(await starts(world, browser)));
      add(...(await openMinute(world, browser)));
      add(await searchTimes(world));
      add(await controllerCpu(world, browser));
      // The last: a cancelled renewal keeps the controller busy for a while.
      add(await acceptedRenewals(world));
      stop();
    } finally {
      await browser.close();
    }
    return figures;
  },
};

/** Resolves when the overview has its chart. */
async function openOverview({ page }: PageObserver, url: string): Promise<void> {
  await page.goto(`${url}/`, { timeout: minuteMs });
  await page.locator('.chart canvas').waitFor({ timeout: minuteMs });
}

async function starts(world: PageWorld, browser: Browser): Promise<readonly Figure[]> {
  const [paints, charts, shifts, weights]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let i = 0; i < loads; i += 1) {
    const observer = await PageObserver.open(browser);
    let weight = 0;
    observer.page.on('requestfinished', (request) => {
      if (request.url().includes('/api/')) return;
      void request.sizes().then(({ responseBodySize }) => (weight += responseBodySize));
    });
    const startedMs = performance.now();
    await openOverview(observer, world.url);
    charts.push(performance.now() - startedMs);
    await sleep(5_000);
    const { firstPaintMs, layoutShift } = await observer.timings();
    paints.push(firstPaintMs);
    shifts.push(layoutShift);
    weights.push(weight);
    await observer.close();
  }
  return [
    figure('page-first-paint', 'ms', paints, 1_000),
    figure('page-overview-with-chart', 'ms', charts, 1_500),
    figure('page-layout-shift', '', shifts, 0.05),
    figure('page-weight', 'B', weights.slice(0, 1), 100 * 1024),
  ];
}

/** The CPU of an open overview for a minute, in per cent of a core. */
async function idleCpu(world: PageWorld, browser: Browser): Promise<Figure> {
  const observer = await PageObserver.open(browser);
  await openOverview(observer, world.url);
  await sleep(10_000);
  const before = await rendererSeconds(browser);
  await sleep(minuteMs);
  const used = (await rendererSeconds(browser)) - before;
  await observer.close();
  return figure('page-idle-cpu', '% of a core', [(used / 60) * 100], 1);
}

/** An open overview for a minute while volumes change. */
async function openMinute(world: PageWorld, browser: Browser): Promise<readonly Figure[]> {
  const observer = await PageObserver.open(browser);
  await openOverview(observer, world.url);
  await sleep(10_000);
  await observer.restart();
  const [cpuBefore, bytesBefore] = [await rendererSeconds(browser), observer.bytes];
  await sleep(minuteMs);
  const used = (await rendererSeconds(browser)) - cpuBefore;
  const megabytes = (observer.bytes - bytesBefore) / 1e6;
  const { longestTaskMs } = await observer.timings();
  await observer.close();
  return [
    figure('page-cpu-with-changes', '% of a core', [(used / 60) * 100], 10),
    figure('page-traffic-a-minute', 'MB', [megabytes], 1),
    // The browser reports tasks from 50 ms.
    figure('page-longest-task', 'ms', [longestTaskMs], 100),
  ];
}

async function searchTimes(world: PageWorld): Promise<Figure> {
  const times: number[] = [];
  for (let i = 0; i < searches; i += 1) {
    const startedMs = performance.now();
    await world.ask(`volumes?limit=100&sort=renews&search=app-${i % 50}-${i}`);
    times.push(performance.now() - startedMs);
    await sleep(20);
  }
  times.sort((a, b) => a - b);
  return figure('page-search-p99', 'ms', [times[Math.floor(times.length * 0.99)] ?? NaN], 150);
}

/** The CPU of the controller with 20 open pages, each of another browser profile, more than with none. */
async function controllerCpu(world: PageWorld, browser: Browser): Promise<Figure> {
  const { pid } = world.controller;
  const percentOfMinute = async (): Promise<number> => {
    const before = cpuSecondsOf(pid);
    await sleep(minuteMs);
    return ((cpuSecondsOf(pid) - before) / 60) * 100;
  };
  const without = await percentOfMinute();
  const observers: PageObserver[] = [];
  for (let i = 0; i < pages; i += 1) {
    const observer = await PageObserver.open(browser);
    await openOverview(observer, world.url);
    observers.push(observer);
  }
  await sleep(10_000);
  const withPages = await percentOfMinute();
  for (const observer of observers) await observer.close();
  return figure('page-controller-cpu-of-20-pages', '% of a core', [Math.max(0, withPages - without)], 5);
}

/** Requests of the renewal of a third of the fleet, each cancelled afterwards. */
async function acceptedRenewals(world: PageWorld): Promise<Figure> {
  const times: number[] = [];
  for (let i = 0; i < renewals; i += 1) {
    const body = { selection: { query: { namespace: `region-${i}-*` } }, reason: 'benchmark' };
    const startedMs = performance.now();
    const { id, total } = await world.ask<{ readonly id: string; readonly total: number }>('renewals', 'POST', body);
    times.push(performance.now() - startedMs);
    if (total < 33_000) throw new Error(`expected at least 33,000 volumes, found ${total}`);
    await world.ask(`renewals/${id}`, 'DELETE');
    await sleep(5_000);
  }
  return figure('page-renewal-accepted', 'ms', times, 300);
}
