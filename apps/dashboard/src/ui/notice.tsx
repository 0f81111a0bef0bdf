import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import { useServices } from '../app/services.ts';
import type { Resource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { elapsedMs } from '../time/moment.ts';
import type { Moment } from '../time/moment.ts';
import { shortDuration } from '../time/relative-time.ts';
import { Icon } from './icon.tsx';

/** An empty result with a suggestion. */
export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

const advice: Readonly<Partial<Record<CertfleetError['code'], string>>> = {
  unavailable: t.errors.advice.unavailable,
  'deadline-exceeded': t.errors.advice.unavailable,
  'permission-denied': t.errors.advice.forbidden,
  'not-found': t.errors.advice.notFound,
  'resource-exhausted': t.errors.advice.tooMany,
  'invalid-argument': t.errors.advice.invalid,
};

/** A failed request: the server's message and advice. */
export function Failed({
  error,
  onRetry,
}: {
  readonly error: CertfleetError;
  readonly onRetry?: () => void;
}): JSX.Element {
  return (
    <div class="notice notice-critical" role="alert">
      <Icon name="critical" />
      <div>
        <p>{capital(error.message)}.</p>
        <p class="dim">{advice[error.code] ?? t.errors.advice.other}</p>
      </div>
      {onRetry && (
        <button type="button" onClick={onRetry}>
          {t.errors.tryAgain}
        </button>
      )}
    </div>
  );
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/, '');

/** A placeholder while data loads; shown only after a delay. */
export function Loading(): JSX.Element {
  return (
    <div class="loading" role="status">
      <span class="visually-hidden">{t.ui.loading}</span>
      <span class="bone" />
      <span class="bone" />
      <span class="bone" />
    </div>
  );
}

/** The age of data that is not current. */
function StaleNote({ at }: { readonly at: Moment }): JSX.Element {
  const { clock, serverClock, ticker, times } = useServices();
  const [ageMs, setAgeMs] = useState(elapsedMs(clock, at));
  useEffect(() => {
    const update = (): void => setAgeMs(elapsedMs(clock, at));
    update();
    return ticker.listen(update);
  }, [at]);
  return (
    <p class="stale-note">
      <Icon name="warning" />
      {t.ui.stale({
        strong: (text) => <strong>{text}</strong>,
        at: times.absolute(serverClock.now() - ageMs),
        age: shortDuration(ageMs),
      })}
    </p>
  );
}

export interface LoadedProps<T> {
  readonly resource: Resource<T>;
  /** Whether the data before other filters stays on the screen, marked, while the new one loads. */
  readonly keepsPrevious?: boolean;
  readonly children: (data: T) => ComponentChildren;
}

/**
 * Shows the error, the loading placeholder, or the data of a resource. Data that is not current is dimmed and has its age.
 * A failed connection is reported once, at the top of the page.
 */
export function Loaded<T>({ resource, keepsPrevious = false, children }: LoadedProps<T>): JSX.Element {
  const { data, previous, error, isCurrent, confirmedAt, refresh } = resource;
  const shown = data ?? (keepsPrevious ? previous : undefined);
  return (
    <>
      {error && !isConnectionFailure(error) && <Failed error={error} onRetry={refresh} />}
      {data !== undefined && !isCurrent && confirmedAt && <StaleNote at={confirmedAt} />}
      {shown === undefined ? (
        <Missing error={error} />
      ) : (
        <div class={`datum ${isCurrent ? '' : ageOf(data)}`}>{children(shown)}</div>
      )}
    </>
  );
}

const ageOf = (data: unknown): string => (data === undefined ? 'outdated' : 'stale');

function Missing({ error }: { readonly error: CertfleetError | undefined }): JSX.Element | null {
  if (error === undefined) return <Loading />;
  return isConnectionFailure(error) ? <p class="dim">{t.ui.notLoaded}</p> : null;
}

const isConnectionFailure = ({ code }: CertfleetError): boolean =>
  code === 'unavailable' || code === 'deadline-exceeded';
