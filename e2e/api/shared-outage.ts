import type { TestContext } from 'node:test';

import type { Cluster } from '../cluster/cluster.ts';

/** What a test does before the API server is killed, without it, and once it serves again. */
interface OutageTest {
  readonly before?: () => Promise<void>;
  readonly during: () => Promise<void>;
  readonly after: () => Promise<void>;
}

/** Far longer than any of the tests takes: another one has failed before it came to the outage. */
const limitMs = 300_000;

/** Acts once all parties are ready, also when one of them has failed. */
class Meeting {
  readonly #parties: number;
  readonly #over = Promise.withResolvers<void>();
  readonly #act: () => Promise<void>;
  readonly #works: Promise<void>[] = [];

  constructor(parties: number, act: () => Promise<void>) {
    this.#parties = parties;
    this.#act = act;
  }

  /** Resolves after the action; rejects when this party's work fails. */
  async join(work: Promise<void>): Promise<void> {
    this.#works.push(work);
    if (this.#works.length === this.#parties) this.#over.resolve(Promise.allSettled(this.#works).then(this.#act));
    await work;
    const tooLate = (): void => this.#over.reject(new Error('a test of the outage did not begin'));
    const timer = setTimeout(tooLate, limitMs);
    await this.#over.promise.finally(() => clearTimeout(timer));
  }
}

/** One outage of the API server for several tests that run at the same time: its start costs more than each of them. */
export class SharedOutage {
  readonly #cluster: () => Cluster;
  readonly #begin: Meeting;
  readonly #end: Meeting;

  /** @param tests how many tests call `run` */
  constructor(cluster: () => Cluster, tests: number) {
    this.#cluster = cluster;
    this.#begin = new Meeting(tests, () => cluster().apiServer.kill('SIGKILL'));
    this.#end = new Meeting(tests, () => cluster().apiServer.start());
  }

  async run(t: TestContext, { before, during, after }: OutageTest): Promise<void> {
    const { capabilities } = this.#cluster();
    if (!capabilities.components) {
      t.skip(capabilities.reason);
      return;
    }
    const begun = this.#begin.join(before?.() ?? Promise.resolve());
    await this.#end.join(begun.then(during));
    await after();
  }
}
