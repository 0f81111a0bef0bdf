import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { OperatorApi } from '../api/operator-api.ts';
import type { LiveUpdates } from '../live/live-updates.ts';
import type { Location, Router } from '../routing/router.ts';
import type { SessionKeeper } from '../session/session-keeper.ts';
import type { Ticker } from '../time/ticker.ts';
import type { Theme } from './theme.ts';
import type { Toasts } from './toasts.ts';
import { useFollowed } from './use-store.ts';

/** The services of all views, created once in main.tsx. */
export interface Services {
  readonly api: OperatorApi;
  readonly live: LiveUpdates;
  readonly router: Router;
  readonly session: SessionKeeper;
  readonly toasts: Toasts;
  readonly theme: Theme;
  readonly ticker: Ticker;
  readonly clock: Clock;
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
