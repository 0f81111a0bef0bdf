import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { useFollowed } from '../app/use-store.ts';
import { absoluteTime, clockTime } from '../time/relative-time.ts';
import type { LiveState } from './live-updates.ts';

/** Says quietly whether what is shown is what is. */
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
      return 'What you see follows the fleet without reloading.';
    case 'connecting':
    case 'reconnecting':
      return 'The page is on its way to the controller.';
    case 'stale':
      return `What you see was true at ${absoluteTime(state.sinceMs)}. The page goes on trying to reach the controller.`;
  }
}
