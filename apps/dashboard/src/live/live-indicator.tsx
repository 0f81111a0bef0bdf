import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useServices } from '../app/services.ts';
import type { Services } from '../app/services.ts';
import { t } from '../messages/messages.ts';
import { shortDuration } from '../time/relative-time.ts';
import { elapsedMs } from '../time/moment.ts';
import type { LiveState } from './live-updates.ts';
import { currentForMs } from './shown-data.ts';

/** The one status of the page: live only if everything shown is current and events arrive. */
type PageStatus = { readonly name: LiveState } | { readonly name: 'stale' | 'paused'; readonly ageMs: number };

function statusOf({ live, shown, clock, paused }: Services): PageStatus {
  const { oldest } = shown;
  const ageMs = oldest === undefined ? 0 : elapsedMs(clock, oldest);
  if (paused.value) return { name: 'paused', ageMs };
  if (ageMs > currentForMs) return { name: 'stale', ageMs };
  return { name: live.state === 'live' && (shown.hasFailure || !navigator.onLine) ? 'reconnecting' : live.state };
}

/** Shows whether what the page shows is current. */
export function LiveIndicator(): JSX.Element {
  const services = useServices();
  const [status, setStatus] = useState(() => statusOf(services));
  useEffect(() => {
    const update = (): void =>
      setStatus((before) => {
        const now = statusOf(services);
        return textOf(before) === textOf(now) ? before : now;
      });
    const ends = [
      services.live.onState(update),
      services.shown.listen(update),
      services.ticker.listen(update),
      services.wakes.listen(update),
      services.paused.listen(update),
    ];
    update();
    return () => ends.forEach((end) => end());
  }, []);
  return (
    <span class={`live live-${status.name}`} title={titleOf(status, services)}>
      <span class="dot" aria-hidden="true" />
      <span role="status">{t.live.states[status.name]}</span>
      {'ageMs' in status && <span>{t.live.age(shortDuration(status.ageMs))}</span>}
    </span>
  );
}

const textOf = (status: PageStatus): string =>
  'ageMs' in status ? `${status.name} ${shortDuration(status.ageMs)}` : status.name;

function titleOf(status: PageStatus, { serverClock, times }: Services): string {
  switch (status.name) {
    case 'live':
      return t.live.isLive;
    case 'paused':
      return t.live.isPaused;
    case 'stale':
      return t.live.isStale(times.absolute(serverClock.now() - status.ageMs));
    case 'connecting':
    case 'reconnecting':
      return t.live.isConnecting;
  }
}
