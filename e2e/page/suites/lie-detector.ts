// The page behind a network that loses, delays, reorders, repeats and damages responses and events, while a script clicks.
// After each step everything shown is compared with what the controller held: it is true now, or it states its age and
// cannot be acted on. The page's clock is advanced by the test; LIE_SEED=n repeats one run.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { eventually } from '../../fleet/support/eventually.ts';
import { columns, namespaceOf, Trial } from '../support/lie-trial.ts';
import type { Version } from '../support/lie-trial.ts';
import { calm, dead, flaky } from '../support/lying-proxy.ts';
import { PageBrowser } from '../support/page-browser.ts';
import { maxStatedAge, readPage } from '../support/shown-page.ts';
import type { ShownPage } from '../support/shown-page.ts';

const seeds = process.env['LIE_SEED'] === undefined ? [2, 9] : [Number(process.env['LIE_SEED'])];
const steps = 30;
/** For how long data counts as current. */
const currentForMs = 15_000;
const filters = ['', '&namespace=shop', '&namespace=data', '&namespace=mail', '&pod=*1', '&pod=web-2'] as const;

let browser: PageBrowser;

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
  const { mark, rows, atMs, maxStatedAgeSeconds, renewAll } = shown;
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
  assert.ok(maxStatedAgeSeconds !== undefined, 'stale rows state no age');
  const sinceMs = atMs - (maxStatedAgeSeconds + 1) * 1000;
  assert.ok(wereHeld(shown, versions, sinceMs), 'rows are older than stated');
}

function checkDialog({ dialog, atMs, search }: ShownPage, versions: readonly Version[]): void {
  if (dialog?.isCurrent !== true) {
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
      const earlier = proxy.answeredChanges;
      await page.evaluate(`document.querySelector('dialog[open] form').requestSubmit()`);
      // Held responses use up the browser's connections: it sends the request when the page has given up earlier ones.
      await eventually('the request to be answered or given up', async () => {
        if (proxy.answeredChanges > earlier) return true;
        await trial.pass(500);
        return (await readPage(page)).dialog?.submit !== 'Requesting…';
      });
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

const act =
  (run: (trial: Trial) => void): Step =>
  (trial) => {
    run(trial);
    return Promise.resolve();
  };

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
  act(({ proxy }) => proxy.release()),
  act(({ proxy }) => proxy.breakStreams()),
  renew,
  renew,
];

/** The page behind a network that lies. */
export function lieDetectorSuite(): void {
  describe('the detector of lies', { concurrency: false }, () => {
    before(async () => {
      browser = await PageBrowser.launch();
    });

    afterEach(() => browser.closePages());

    after(async () => {
      await browser[Symbol.asyncDispose]();
    });

    describe('maxStatedAge', () => {
      const note = (age: string): string => `Not current: as of 2026-11-26 21:45:10 +01:00, ${age} ago.`;

      test('is exact to the smallest unit that an age of this length is written with', () => {
        const cases: [string, number][] = [
          ['0s', 1],
          ['42s', 43],
          ['1m', 61],
          ['3m 20s', 201],
          ['14m', 15 * 60],
          ['3h 20m', 3 * 3600 + 21 * 60],
          ['45d', 46 * 86_400],
        ];
        assert.deepEqual(
          cases.map(([age]) => maxStatedAge(note(age))),
          cases.map(([, seconds]) => seconds),
        );
      });

      test('is undefined for a text without an age', () => {
        assert.equal(maxStatedAge('Not current: as of 2026-11-26 21:45:10 +01:00.'), undefined);
      });
    });

    describe('the page behind a network that lies', () => {
      for (const seed of seeds) {
        test(`shows only what is true, or its age, with seed ${seed}`, async () => {
          await using trial = await Trial.start(browser, seed);
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
              latest !== undefined &&
              mark === 'current' &&
              status === 'live' &&
              isSame(rows, expectedRows(latest, search));
          }
          assert.ok(isTrue, 'expected the page to be live and to show the present fleet within 40 s');
          assert.ok(current > 0 && trial.proxy.lies > 0, 'the network must have lied some of the time');
        });
      }

      test('no page threw an error', () => {
        assert.deepEqual(browser.problems, []);
      });
    });
  });
}
