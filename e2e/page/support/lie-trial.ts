import type { Page } from 'playwright-core';
import type { VolumePage } from '../../../libs/operator-api/src/volumes.ts';
import { EventReader } from '../../fleet/support/event-reader.ts';
import { eventually } from '../../fleet/support/eventually.ts';
import { reportOf } from '../../fleet/support/volume-report.ts';
import { LyingProxy } from './lying-proxy.ts';
import type { PageBrowser } from './page-browser.ts';
import { PageFleet } from './page-fleet.ts';
import type { Fleet } from './page-fleet.ts';
import { Random } from '../../support/random.ts';

const day = 86_400_000;
const stable = { expiresInMs: 30 * day, dueInMs: 20 * day };
/** The columns that the test compares. */
export const columns = 'columns=namespace,pod,serial&sort=pod';
const pods = ['web-1', 'web-2', 'cart-1', 'database-1', 'queue-1', 'mail-1', 'mail-2'] as const;
export const namespaceOf = (pod: string): string =>
  /^(web|cart)/.test(pod) ? 'shop' : pod.startsWith('mail') ? 'mail' : 'data';

const small: Fleet = {
  'worker-1': Object.fromEntries(
    pods.slice(0, 5).map((pod) => [`csi-${pod}`, { ...stable, pod, namespace: namespaceOf(pod) }]),
  ),
};

/** The fleet at one time, as the agents report it: serial numbers by pod, until a time of the page. */
export interface Version {
  readonly serials: ReadonlyMap<string, string>;
  endMs: number;
}

/** One page behind the proxy, and the history of the fleet in the page's time. */
export class Trial implements AsyncDisposable {
  readonly random: Random;
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

  static async start(browser: PageBrowser, seed: number): Promise<Trial> {
    const random = new Random(seed);
    const fleet = await PageFleet.start(small);
    await fleet.untilShown(5);
    // Its own source: otherwise the order of responses would decide about the steps.
    const proxy = await LyingProxy.start(fleet.url, new Random(seed + 1_000));
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
