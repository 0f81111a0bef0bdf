import type { ComponentChildren, JSX } from 'preact';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Resource } from '../live/use-resource.ts';
import { Icon } from './icon.tsx';

/** Something that is not there, and what to do about it. */
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
  unavailable:
    'The page tries again by itself. If it lasts, look whether the controller runs: kubectl get pods -l app.kubernetes.io/component=controller',
  'permission-denied': 'Ask whoever grants roles for the verb view on volumes.certfleet.io.',
  'not-found': 'It may have left the fleet since. Search for it among the volumes.',
  'resource-exhausted': 'Wait a minute, then try again.',
  'invalid-argument': 'Take back the filter that was set last.',
};

/** A failed request in the server's words, and what to do. */
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
        <p class="dim">{advice[error.code] ?? 'The log of the controller says more.'}</p>
      </div>
      {onRetry && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/, '');

/** What stands in the place of things on their way; shown only when they take a while. */
export function Loading(): JSX.Element {
  return (
    <div class="loading" role="status">
      <span class="visually-hidden">Loading</span>
      <span class="bone" />
      <span class="bone" />
      <span class="bone" />
    </div>
  );
}

/** What a resource shows: its error, that it is on its way, or what is drawn from it. */
export function Loaded<T>({
  resource,
  children,
}: {
  readonly resource: Resource<T>;
  readonly children: (data: T) => ComponentChildren;
}): JSX.Element {
  const { data, error, refresh } = resource;
  return (
    <>
      {error && <Failed error={error} onRetry={refresh} />}
      {data === undefined ? !error && <Loading /> : children(data)}
    </>
  );
}
