// The page behind a network that loses, delays, reorders, repeats and damages responses and events, while a script clicks.
// After each step everything shown is compared with what the controller held: it is true now, or it states its age and
// cannot be acted on. The page's clock is advanced by the test; LIE_SEED=n repeats one run.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { VolumePage } from '../../libs/operator-api/src/volumes.ts';
import { EventReader } from '../fleet/support/event-reader.ts';
import { eventually } from '../fleet/support/eventually.ts';
import { reportOf } from '../fleet/support/volume-report.ts';
import { calm, dead, flaky, LyingProxy } from './support/lying-proxy.ts';
import { PageBrowser } from './support/page-browser.ts';
import { PageFleet } from './support/page-fleet.ts';
import type { Fleet } from './support/page-fleet.ts';
import { SeededRandom } from './support/seeded-random.ts';
import { readPage } from './support/shown-page.ts';
import type { ShownPage } from './support/shown-page.ts';

const seeds = process.env['LIE_SEED'] === undefined ? [1, 2] : [Number(process.env['LIE_SEED'])];
const steps = 30;
/** For how long data counts as current. */
const currentForMs = 15_000;
const day = 86_400_000;
const stable = { expiresInMs: 30 * day, dueInMs: 20 * day };
const columns = 'columns=namespace,pod,serial&sort=pod';
const filters = ['', '&namespace=shop', '&namespace=data', '&namespace=mail', '&pod=*1', '&pod=web-2'] as const;
const pods = ['web-1', 'web-2', 'cart-1', 'database-1', 'queue-1', 'mail-1', 'mail-2'] as const;
const namespaceOf = (pod: string): string =>
  /^(web|cart)/.test(pod) ? 'shop' : pod.startsWith('mail') ? 'mail' : 'data';

const small: Fleet = {
  'worker-1': Object.fromEntries(
    pods.slice(0, 5).map((pod) => [`csi-${pod}`, { ...stable, pod, namespace: namespaceOf(pod) }]),
  ),
};

/** The fleet at one time, as the agents report it: serial numbers by pod, until a time of the page. */
interface Version {
  readonly serials: ReadonlyMap<string, string>;
  endMs: number;
}

/** One page behind the proxy, and the history of the fleet in the page's time. */
class Trial implements AsyncDisposable {
  readonly random: SeededRandom;
  readonly fleet: PageFleet;
  readonly proxy: LyingProxy;
  readonly page: Page;
  readonly events: EventReader;
  readonly versions: Version[] = [];
  readonly did: string[] = [];
  /** Entries of the history before the present one. */
  depth = 0;

  private constructor(parts: Pick<Trial, 'random' | 'fleet' | 'proxy' | 'page' | 'events'>) {
    this.random = parts.random;
    this.fleet = parts.fleet;
    this.proxy = parts.proxy;
    this.page = parts.page;
    this.events = parts.events;
  }

  static async start(seed: number): Promise<Trial> {
    const random = new SeededRandom(seed);
    const fleet = await PageFleet.start(small);
    await fleet.untilShown(5);
    const proxy = await LyingProxy.start(fleet.url, random);
    const page = await browser.open('about:blank');
    await page.clock.install();
    await page.goto(`${proxy.url}/volumes?${columns}`);
    await page.locator('tbody tr').nth(4).waitFor();
    await page.clock.pauseAt(await page.evaluate<number>('Date.now() + 1000'));
    const events = await EventReader.open(`${fleet.url}/api/v1/events`);
    const trial = new Trial({ random, fleet, proxy, page, events });
    trial.record();
    return trial;
  }

  /** Adds what the agents report now to the history. */
  record(): void {
    const volumes = this.fleet.on('worker-1');
    const serials = pods.flatMap((pod) => {
      const serial = volumes.report(`csi-${pod}`)?.certificate?.serialNumber;
      return serial === undefined ? [] : [[pod, serial] as const];
    });
    this.versions.push({ serials: new Map(serials), endMs: Infinity });
  }

  /** Changes the fleet; afterwards the controller answers every request with the change. */
  async change(): Promise<void> {
    const pod = this.random.pick(pods);
    const id = `csi-${pod}`;
    const volumes = this.fleet.on('worker-1');
    const before = volumes.report(id);
    const isRemoved = before !== undefined && this.random.next() < 0.3;
    this.did.push(`${isRemoved ? 'remove' : 'renew'} ${pod}`);
    if (isRemoved) volumes.delete(id);
    else {
      const generation = (before?.generation ?? 0) + 1;
      volumes.set(id, reportOf(id, { ...stable, pod, namespace: namespaceOf(pod), generation }));
    }
    const now = volumes.report(id)?.generation;
    await this.announced(`csi-${pod}`, async () => {
      const { volumes: found } = await this.fleet.controller.api<VolumePage>(`volumes?pod=${pod}`);
      return found[0]?.generation === now;
    });
    const endMs = await this.page.evaluate<number>('performance.now()');
    for (const version of this.versions) version.endMs = Math.min(version.endMs, endMs);
    this.record();
  }

  /** Waits for the event of a change, with which the controller forgets earlier answers. */
  async announced(id: string, isKnown: () => Promise<boolean>): Promise<void> {
    do await this.events.next(({ type, data }) => type === 'change' && data.includes(`"${id}"`));
    while (!(await isKnown()));
  }

  /** Lets the page's time pass. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      await this.page.clock.runFor(Math.min(500, left));
      await this.quiet();
    }
  }

  /** Waits until the page has processed all that the proxy lets through. */
  async quiet(): Promise<void> {
    await eventually('the controller to answer', () => this.proxy.pending === 0);
    // Effects of a render run in the frames after it.
    await this.page.clock.runFor(50);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.events.close();
    await this.page.context().close();
    await this.proxy[Symbol.asyncDispose]();
    await this.fleet[Symbol.asyncDispose]();
  }
}

let browser: PageBrowser;

before(async () => {
  browser = await PageBrowser.launch();
});

after(async () => {
  await browser[Symbol.asyncDispose]();
});

/** The rows that the filter of the address selects in one version of the fleet. */
function expectedRows({ serials }: Version, search: string): readonly string[] {
  const query = new URLSearchParams(search);
  const namespace = query.get('namespace');
  const pod = query.get('pod');
  return [...serials]
    .filter(([name]) => namespace === null || namespaceOf(name) === namespace)
    .filter(([name]) => pod === null || (pod === '*1' ? name.endsWith('1') : name === pod))
    .map(([name, serial]) => `${namespaceOf(name)}/${name} ${serial}`)
    .sort();
}

const isSame = (a: readonly string[], b: readonly string[]): boolean => [...a].sort().join() === [...b].sort().join();

/**
 * Whether the controller held these rows after a time of the page. Each row is compared for itself: a page that is loaded
 * between two of several renewals shows some volumes before and some after.
 */
function wereHeld(shown: Pick<ShownPage, 'rows' | 'search'>, versions: readonly Version[], sinceMs: number): boolean {
  const held = versions.filter(({ endMs }) => endMs >= sinceMs).map((version) => expectedRows(version, shown.search));
  const possible = new Set(held.flat());
  const certain = held[0]?.filter((row) => held.every((rows) => rows.includes(row))) ?? [];
  const isPodShown = (pod: string): boolean => shown.rows.some((row) => row.startsWith(`${pod} `));
  const isAbsent = (pod: string): boolean => held.some((rows) => !rows.some((row) => row.startsWith(`${pod} `)));
  const names = new Set([...possible].map((row) => row.split(' ')[0] ?? ''));
  return (
    shown.rows.every((row) => possible.has(row)) &&
    certain.every((row) => shown.rows.includes(row)) &&
    [...names].every((pod) => isPodShown(pod) || isAbsent(pod))
  );
}

/** Compares the table with the history of the fleet. */
function checkTable(shown: ShownPage, versions: readonly Version[]): void {
  const { mark, rows, atMs, statedAgeSeconds, renewAll } = shown;
  if (mark === 'current') {
    assert.ok(wereHeld(shown, versions, atMs - currentForMs), 'rows shown as current were not held within 15 s');
    const count = /\((\d+)\)/.exec(renewAll)?.[1];
    assert.ok(count === undefined || Number(count) === rows.length, 'the button counts other rows than shown');
    return;
  }
  assert.equal(shown.canRenewAll, false, 'rows that are not current can be renewed');
  assert.doesNotMatch(renewAll, /\d/, 'a number that is not known to be true');
  assert.ok(!shown.status.startsWith('live') || mark === 'outdated' || mark === 'none', 'live, with stale rows');
  if (mark !== 'stale') return;
  assert.ok(statedAgeSeconds !== undefined, 'stale rows state no age');
  const sinceMs = atMs - (statedAgeSeconds + 2) * 1000;
  assert.ok(wereHeld(shown, versions, sinceMs), 'rows are older than stated');
}

function checkDialog({ dialog, atMs, search }: ShownPage, versions: readonly Version[]): void {
  if (dialog === undefined || !dialog.isCurrent) {
    assert.ok(
      dialog === undefined || !dialog.canRenew || dialog.submit.startsWith('Send the same'),
      'a stale preview can be confirmed',
    );
    return;
  }
  const shown = dialog.pods.map((text) => text.replace(/ ?on .*$/, '').trim());
  const isTrue = versions
    .filter(({ endMs }) => endMs >= atMs - currentForMs)
    .some((version) =>
      isSame(
        expectedRows(version, search).map((row) => row.split(' ')[0] ?? ''),
        shown,
      ),
    );
  assert.ok(isTrue, `the dialog names other volumes than match: ${shown.join()}`);
}

async function check(trial: Trial): Promise<void> {
  const shown = await readPage(trial.page);
  try {
    checkTable(shown, trial.versions);
    checkDialog(shown, trial.versions);
  } catch (thrown) {
    const history = trial.versions.map(({ serials, endMs }) => `${[...serials].join(' ')} until ${endMs}`);
    console.log(`${trial.did.join('\n')}\n${JSON.stringify(shown, undefined, 2)}\n${history.join('\n')}`);
    throw thrown;
  }
}

type Step = (trial: Trial) => Promise<void>;

const setMood =
  (name: string, mood: typeof calm): Step =>
  (trial) => {
    trial.did.push(name);
    trial.proxy.mood = mood;
    if (mood === calm) trial.proxy.release();
    return Promise.resolve();
  };

const filter: Step = async (trial) => {
  const { page, random, did } = trial;
  const query = `${columns}${random.pick(filters)}`;
  trial.depth += 1;
  did.push(`show ${query}`);
  // As a link of the page.
  await page.evaluate(`(() => {
    const link = document.createElement('a');
    link.href = '/volumes?${query}';
    document.body.append(link);
    link.click();
    link.remove();
  })()`);
};

const back: Step = async (trial) => {
  if (trial.depth === 0) return;
  trial.depth -= 1;
  trial.did.push('back');
  await trial.page.evaluate('history.back()');
};

const wait: Step = async (trial) => {
  const ms = trial.random.pick([500, 2_000, 6_000, 16_000]);
  trial.did.push(`wait ${ms}`);
  await trial.pass(ms);
};

const renew: Step = async (trial) => {
  const { page, proxy, fleet, did } = trial;
  await trial.quiet();
  if (!(await readPage(page)).canRenewAll) return;
  did.push('open the dialog');
  await page.evaluate(
    `[...document.querySelectorAll('.page-head button')].find((button) => button.textContent.startsWith('Renew all')).click()`,
  );
  await trial.pass(500);
  await check(trial);
  const { dialog } = await readPage(page);
  if (dialog?.canRenew === false && dialog.isCurrent && dialog.pods.length > 0) {
    await page.getByLabel('Reason').fill('trial');
    await trial.quiet();
    const before = fleet.on('worker-1').renewals.length;
    const confirmed = (await readPage(page)).dialog;
    if (confirmed?.canRenew === true) {
      did.push(`confirm ${confirmed.pods.join()}`);
      await page.evaluate(`document.querySelector('dialog[open] form').requestSubmit()`);
      await eventually('the controller to answer', () => proxy.pending === 0);
      const { renewals } = await fleet.controller.api<{ renewals: readonly { pending: number }[] }>('renewals');
      if (renewals.length > 0) await renewed(trial);
      const named = confirmed.pods.map((text) => `csi-${/\/(\S+)/.exec(text)?.[1] ?? ''}`);
      const other = fleet
        .on('worker-1')
        .renewals.slice(before)
        .filter(({ volumeId }) => !named.includes(volumeId));
      assert.deepEqual(other, [], 'volumes were renewed that the dialog did not name');
    }
  }
  await page.keyboard.press('Escape');
  await trial.quiet();
};

/** Waits until all requested renewals are done, and notes the new state of the fleet. */
async function renewed(trial: Trial): Promise<void> {
  await eventually('the renewals to end', async () => {
    const { renewals } = await trial.fleet.controller.api<{ renewals: readonly { pending: number }[] }>('renewals');
    return renewals.every(({ pending }) => pending === 0);
  });
  trial.record();
  // A change of its own: its event follows those of the renewals.
  await trial.change();
}

const script: readonly Step[] = [
  setMood('flaky', flaky),
  setMood('flaky', flaky),
  setMood('dead', dead),
  setMood('calm', calm),
  filter,
  filter,
  filter,
  back,
  wait,
  wait,
  wait,
  (trial) => trial.change(),
  (trial) => trial.change(),
  (trial) => trial.change(),
  (trial) => Promise.resolve(trial.proxy.release()),
  (trial) => Promise.resolve(trial.proxy.breakStreams()),
  renew,
  renew,
];

describe('the page behind a network that lies', () => {
  for (const seed of seeds) {
    test(`shows only what is true, or its age, with seed ${seed}`, async () => {
      await using trial = await Trial.start(seed);
      let current = 0;
      for (let i = 0; i < steps; i++) {
        await trial.random.pick(script)(trial);
        await check(trial);
        await trial.quiet();
        await check(trial);
        if ((await readPage(trial.page)).mark === 'current') current += 1;
      }
      console.log(`rows were current after ${current} of ${steps} steps`);
      // With a sound network, the page is true and live again.
      await setMood('calm', calm)(trial);
      await trial.page.keyboard.press('Escape');
      let isTrue = false;
      for (let seconds = 0; seconds < 40 && !isTrue; seconds++) {
        await trial.pass(1000);
        await check(trial);
        const { mark, status, rows, search } = await readPage(trial.page);
        const latest = trial.versions.at(-1);
        isTrue =
          latest !== undefined && mark === 'current' && status === 'live' && isSame(rows, expectedRows(latest, search));
      }
      assert.ok(isTrue, 'expected the page to be live and to show the present fleet within 40 s');
      assert.ok(current > 0 && current < steps, 'the network must have lied some of the time');
    });
  }

  test('no page threw an error', () => {
    assert.deepEqual(browser.problems, []);
  });
});
