import { useEffect, useRef, useState } from 'preact/hooks';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ChangeEvent } from '@certfleet/operator-api/change-events.ts';
import { useServices } from '../app/services.ts';
import { Refresher } from './refresher.ts';

export interface Resource<T> {
  /** The last loaded data; kept while it is loaded again and when that fails. */
  readonly data: T | undefined;
  readonly error: CertfleetError | undefined;
  /** Whether `data` belongs to an earlier key: other filters or another page. */
  readonly isOutdated: boolean;
  readonly refresh: () => void;
}

export interface ResourceOptions<T> {
  /** Another key identifies other data. */
  readonly key: string;
  readonly load: (signal: AbortSignal) => Promise<T>;
  /** The kinds of changes after which it is loaded again. */
  readonly kinds: readonly ChangeEvent['kinds'][number][];
  /** Interval of reloads without an event, in milliseconds. */
  readonly atLeastEveryMs?: number;
}

interface Had<T> {
  readonly key: string;
  readonly data: T | undefined;
  readonly error: CertfleetError | undefined;
}

const atMostEveryMs = 1000;
/** Volumes become due and expire without an event. */
const unaskedMs = 20_000;

/** Loads data, and again after each relevant event of the server: at most once a second. */
export function useResource<T>(options: ResourceOptions<T>): Resource<T> {
  const { key, atLeastEveryMs = unaskedMs } = options;
  const { live, clock } = useServices();
  const [had, setHad] = useState<Had<T>>({ key: '', data: undefined, error: undefined });
  const latest = useRef(options);
  latest.current = options;
  const refresher = useRef<Refresher | undefined>(undefined);

  useEffect(() => {
    const abort = new AbortController();
    const refresh = async (): Promise<void> => {
      try {
        const data = await latest.current.load(abort.signal);
        if (!abort.signal.aborted) setHad({ key, data, error: undefined });
      } catch (thrown) {
        if (!abort.signal.aborted) setHad((before) => ({ ...before, key, error: asCertfleetError(thrown) }));
      }
    };
    const own = new Refresher({ clock, refresh, atMostEveryMs, atLeastEveryMs });
    refresher.current = own;
    own.request();
    const endListening = live.onChange((changed) => {
      if (changed === 'anything' || latest.current.kinds.some((kind) => changed.has(kind))) own.request();
    });
    return () => {
      abort.abort();
      own.stop();
      endListening();
    };
  }, [key]);

  return {
    data: had.data,
    error: had.error,
    isOutdated: had.key !== key,
    refresh: () => refresher.current?.request(),
  };
}
