import { RecentMap } from '../app/recent-map.ts';
import type { Moment } from '../time/moment.ts';

/** A result of the server, and the start of the request that returned it. */
interface Result {
  readonly data: unknown;
  readonly confirmedAt: Moment;
}

const maxResults = 30;

/** The last results by key: a view that is opened again shows its data at once, with its true age. */
export class ResultCache extends RecentMap<Result> {
  constructor() {
    super(maxResults);
  }
}
