import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { isRecent } from '../live/shown-data.ts';
import { t } from '../messages/messages.ts';
import { shortDuration } from '../time/relative-time.ts';
import { Icon } from '../ui/icon.tsx';
import { useServices } from './services.ts';
import { useStore } from './use-store.ts';

/** What concerns the whole page, once: no connection, or a wrong clock. */
export function PageNotices(): JSX.Element {
  return (
    <>
      <ConnectionNotice />
      <ClockNotice />
    </>
  );
}

function ConnectionNotice(): JSX.Element | null {
  const { shown, clock, ticker, wakes, paused } = useServices();
  const isBroken = (): boolean =>
    !navigator.onLine ||
    shown.hasFailure ||
    (!paused.value && shown.oldest !== undefined && !isRecent(clock, shown.oldest));
  const [broken, setBroken] = useState(isBroken);
  useEffect(() => {
    const update = (): void => setBroken(isBroken());
    const ends = [shown.listen(update), ticker.listen(update), wakes.listen(update), paused.listen(update)];
    update();
    return () => ends.forEach((end) => end());
  }, []);
  if (!broken) return null;
  return (
    <div class="notice notice-critical" role="alert">
      <Icon name="critical" />
      <div>
        <p>{navigator.onLine ? t.app.noResponse : t.app.offline}</p>
        <p class="dim">{t.errors.advice.unavailable}</p>
      </div>
    </div>
  );
}

function ClockNotice(): JSX.Element | null {
  const { serverClock } = useServices();
  const skewMs = useStore(serverClock.skewMs);
  if (skewMs === 0) return null;
  return (
    <div class="notice notice-warning" role="status">
      <Icon name="warning" />
      <p>{t.app[skewMs > 0 ? 'clockAhead' : 'clockBehind'](shortDuration(skewMs))}</p>
    </div>
  );
}
