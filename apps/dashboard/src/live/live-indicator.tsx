import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { useFollowed } from '../app/use-store.ts';
import { absoluteTime, clockTime } from '../time/relative-time.ts';
import type { LiveState } from './live-updates.ts';

/** Shows whether the page receives live updates. */
export function LiveIndicator(): JSX.Element {
  const { live } = useServices();
  const state = useFollowed(
    (listener) => live.onState(listener),
    () => live.state,
  );
  return (
    <span class={`live live-${state.name}`} role="status" title={titleOf(state)}>
      <span class="dot" aria-hidden="true" />
      {textOf(state)}
    </span>
  );
}

function textOf(state: LiveState): string {
  switch (state.name) {
    case 'live':
      return 'live';
    case 'connecting':
      return 'connecting';
    case 'reconnecting':
      return 'reconnecting';
    case 'stale':
      return `stale since ${clockTime(state.sinceMs)}`;
  }
}

function titleOf(state: LiveState): string {
  switch (state.name) {
    case 'live':
      return 'The page updates automatically.';
    case 'connecting':
    case 'reconnecting':
      return 'The page is connecting to the controller.';
    case 'stale':
      return `The data is from ${absoluteTime(state.sinceMs)}. The page is trying to reach the controller again.`;
  }
}
