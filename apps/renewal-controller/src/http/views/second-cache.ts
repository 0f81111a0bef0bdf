import { Cache } from '@certfleet/shared/cache.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { ChangeFeed } from '../live/change-feed.ts';

/**
 * A cache for frequent polling: each value is refreshed at most once per second, and never concurrently. A value up to
 * two seconds old is returned while its refresh runs, so that regular polling never waits.
 * @param feed its events clear the cache, so that a request after an event gets current data
 */
export function secondCache<Value extends object>(clock: Clock, feed: Pick<ChangeFeed, 'onEvent'>): Cache<Value> {
  const cache = new Cache<Value>({ clock, ttlMs: 1_000, staleMs: 1_000, maxEntries: 64 });
  feed.onEvent(() => cache.clear());
  return cache;
}
