import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ChangeEvent } from '@certfleet/operator-api/change-events.ts';
import { useServices } from '../app/services.ts';
import type { Services } from '../app/services.ts';
import { elapsedMs, momentOf } from '../time/moment.ts';
import type { Moment } from '../time/moment.ts';
import { Refresher } from './refresher.ts';
import { currentForMs, isRecent } from './shown-data.ts';

export interface Resource<T> {
  /** The last loaded data of this key; kept while it is loaded again and when that fails. */
  readonly data: T | undefined;
  /** While the first data of a key is loading: the data of the key before it. Must be marked, and not be acted on. */
  readonly previous: T | undefined;
  readonly error: CertfleetError | undefined;
  /** Whether `data` may be shown without its age, and acted on. */
  readonly isCurrent: boolean;
  /** Start of the request that returned `data`. */
  readonly confirmedAt: Moment | undefined;
  readonly refresh: () => void;
}

/** Whether it has been loaded, or could not be. */
export const isSettled = ({ data, error }: Resource<unknown>): boolean => data !== undefined || error !== undefined;

export interface ResourceOptions<T> {
  /** Identifies the data among all of the page. Another key is other data. */
  readonly key: string;
  readonly load: (signal: AbortSignal) => Promise<T>;
  /** The kinds of changes after which it is loaded again. */
  readonly kinds: readonly ChangeEvent['kinds'][number][];
  /** Minimum interval of reloads after events, in milliseconds; a second unless given. */
  readonly atMostEveryMs?: number;
  /** Interval of reloads without an event, in milliseconds. */
  readonly atLeastEveryMs?: number;
  /** Whether it is loaded although the page is paused. */
  readonly ignoresPause?: boolean;
  /** For how long the data counts as current, in milliseconds. */
  readonly currentForMs?: number;
}

interface Had<T> {
  readonly key: string;
  readonly data: T | undefined;
  readonly confirmedAt: Moment | undefined;
  readonly error: CertfleetError | undefined;
}

const defaultAtMostEveryMs = 1000;
/** Volumes become due and expire without an event, and an event can be lost: less than the time data is current. */
const unaskedMs = 8_000;

/**
 * Loads data, and again after each relevant event of the server, at most once a second by default. The data always belongs to the
 * key; it is not current when its last request failed or when it was confirmed too long ago.
 */
export function useResource<T>(options: ResourceOptions<T>): Resource<T> {
  const { key, atMostEveryMs = defaultAtMostEveryMs, atLeastEveryMs = unaskedMs } = options;
  const services = useServices();
  const [had, setHad] = useState<Had<T>>(() => cached<T>(services, key));
  const latest = useRef(options);
  latest.current = options;
  const refresher = useRef<Refresher | undefined>(undefined);

  useEffect(() => {
    const { live, clock, results, paused } = services;
    const abort = new AbortController();
    setHad((before) => (before.key === key ? before : cached<T>(services, key)));
    const refresh = async (): Promise<boolean> => {
      // Until the user has signed in again, the server would only reject the request.
      if (services.session.session === undefined) return false;
      // A view that is opened while the page is paused is loaded once.
      const isKept = paused.value && latest.current.ignoresPause !== true;
      if (isKept && results.get(key) !== undefined) return true;
      const startedAt = momentOf(clock);
      try {
        const data = await latest.current.load(abort.signal);
        if (abort.signal.aborted) return true;
        results.set(key, { data, confirmedAt: startedAt });
        setHad({ key, data, confirmedAt: startedAt, error: undefined });
        return true;
      } catch (thrown) {
        if (!abort.signal.aborted) setHad((before) => ({ ...before, key, error: asCertfleetError(thrown) }));
        return false;
      }
    };
    const own = new Refresher({ clock, refresh, atMostEveryMs, atLeastEveryMs });
    refresher.current = own;
    own.request();
    const endListening = live.onChange((changed) => {
      if (changed === 'anything' || latest.current.kinds.some((kind) => changed.has(kind))) own.request();
    });
    const endPause = paused.listen(() => own.request());
    return () => {
      abort.abort();
      own.stop();
      endPause();
      endListening();
    };
  }, [key]);

  // Between the render with another key and its effect, the state still has the data of the earlier key.
  const shown = had.key === key ? had : cached<T>(services, key);
  const refresh = useRef(() => refresher.current?.request());
  const last = useRef<T | undefined>(undefined);
  if (shown.data !== undefined || shown.error !== undefined) last.current = shown.data;
  const previous = shown.data === undefined ? last.current : undefined;
  return { ...shown, previous, isCurrent: useCurrent(shown, options.currentForMs), refresh: refresh.current };
}

function cached<T>({ results }: Services, key: string): Had<T> {
  const found = results.get(key);
  return { key, data: found?.data as T | undefined, confirmedAt: found?.confirmedAt, error: undefined };
}

/** Whether data is current; renders again when it no longer is, and reports it to the status of the page. */
function useCurrent({ confirmedAt, error }: Had<unknown>, limitMs = currentForMs): boolean {
  const { clock, shown, wakes } = useServices();
  const [, setChecks] = useState(0);
  const owner = useRef({});
  // Not after the next frame: the mark of the data and the status of the page must never contradict each other.
  useLayoutEffect(() => {
    // Data with a longer limit is loaded less often and does not tell whether the page is current.
    if (limitMs === currentForMs) shown.set(owner.current, { confirmedAt, hasFailed: error?.retryable === true });
    if (confirmedAt === undefined) return undefined;
    const leftMs = limitMs - elapsedMs(clock, confirmedAt);
    if (leftMs < 0) return undefined;
    return clock.schedule(leftMs + 1, () => {
      setChecks((checks) => checks + 1);
      shown.aged();
    });
  }, [confirmedAt, error]);
  useEffect(() => {
    const endListening = wakes.listen(() => setChecks((checks) => checks + 1));
    return () => {
      endListening();
      shown.remove(owner.current);
    };
  }, []);
  return confirmedAt !== undefined && error === undefined && isRecent(clock, confirmedAt, limitMs);
}
