import type { ComponentChildren, JSX } from 'preact';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Resource } from '../live/use-resource.ts';
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
  unavailable:
    'The page retries automatically. If this lasts, check that the controller runs: kubectl get pods -l app.kubernetes.io/component=controller',
  'permission-denied': 'Ask your cluster administrator for the verb view on volumes.certfleet.io.',
  'not-found': 'It may have been removed. Search for it in the table of volumes.',
  'resource-exhausted': 'Wait a minute, then try again.',
  'invalid-argument': 'Clear the filter that was set last.',
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
        <p class="dim">{advice[error.code] ?? 'See the controller’s log for details.'}</p>
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

/** A placeholder while data loads; shown only after a delay. */
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

/** Shows the error, the loading placeholder, or the data of a resource. */
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
