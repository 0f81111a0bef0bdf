import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { OperatorApi } from '../api/operator-api.ts';
import type { LiveUpdates } from '../live/live-updates.ts';
import type { ResultCache } from '../live/result-cache.ts';
import type { ShownData } from '../live/shown-data.ts';
import type { Location, Router } from '../routing/router.ts';
import type { SessionKeeper } from '../session/session-keeper.ts';
import type { ServerClock } from '../time/server-clock.ts';
import type { TableMemory } from '../volumes/table-memory.ts';
import type { Ticker } from '../time/ticker.ts';
import type { TimeFormat } from '../time/time-format.ts';
import type { ShownVerdict } from '../verdict/shown-verdict.ts';
import type { Store } from './store.ts';
import type { PageTitle } from './page-title.ts';
import type { Theme } from './theme.ts';
import type { Toasts } from './toasts.ts';
import { useFollowed } from './use-store.ts';

export type Overlay = 'palette' | 'shortcuts';

/** The services of all views, created once in main.tsx. */
export interface Services {
  readonly api: OperatorApi;
  readonly live: LiveUpdates;
  readonly router: Router;
  readonly session: SessionKeeper;
  readonly toasts: Toasts;
  readonly theme: Theme;
  /** What the title and the icon of the tab, the overview and the wall show. */
  readonly verdict: Store<ShownVerdict>;
  readonly title: PageTitle;
  readonly ticker: Ticker;
  readonly times: TimeFormat;
  /** The browser's clock, for timers. Times of the fleet are compared with `serverClock`. */
  readonly clock: Clock;
  readonly serverClock: ServerClock;
  readonly shown: ShownData;
  readonly results: ResultCache;
  /** Columns, density and saved views of the tables of volumes. */
  readonly tables: TableMemory;
  /** The volumes that are selected in the table: `namespace/pod` of each, by key. */
  readonly picked: Store<ReadonlyMap<string, string>>;
  /** Counts returns of the page to the screen, for example after the device slept. */
  readonly wakes: Store<number>;
  /** Whether what is shown stays as it is until the user continues; it then ages. */
  readonly paused: Store<boolean>;
  /** The dialog that a key has opened. */
  readonly overlay: Store<Overlay | undefined>;
}

export const ServicesContext = createContext<Services | undefined>(undefined);

/** The services from the context. */
export function useServices(): Services {
  const services = useContext(ServicesContext);
  if (services === undefined) throw new Error("useServices must be called within the page's context");
  return services;
}

/** The current location of the router. */
export function usePlace(): Location {
  const { router } = useServices();
  return useFollowed(
    (listener) => router.listen(listener),
    () => router.place,
  );
}
