import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { Icon } from '../ui/icon.tsx';
import { verdictWords } from './shown-verdict.ts';
import { verdictIcons } from './verdict-banner.tsx';

const maxReasons = 3;

/** The verdict for a screen on the wall: readable from three metres, without controls. */
export function WallPage(): JSX.Element {
  const { verdict, title, times } = useServices();
  const { level, reasons, more } = useStore(verdict);
  const shown = reasons.slice(0, maxReasons);
  const others = reasons.length - shown.length + more;
  useEffect(() => title.showView('Wall'), []);
  return (
    <div class={`wall-body wall-${level}`}>
      <h1>
        <Icon name={verdictIcons[level]} />
        {verdictWords[level]}
      </h1>
      <p class="visually-hidden" role="status">
        {verdictWords[level]}
      </p>
      <ul>
        {shown.map(({ text, since }) => (
          <li key={text}>{times.inZone(text, since)}</li>
        ))}
        {others > 0 && <li>and {others} more</li>}
      </ul>
      <WallClock />
    </div>
  );
}

/** The time moves on: a screen that shows an old time has stopped. */
function WallClock(): JSX.Element {
  const { ticker, times, session } = useServices();
  const state = useStore(session.state);
  const cluster = state.name === 'signed-in' ? state.session.cluster : undefined;
  const [nowMs, setNowMs] = useState(ticker.now());
  useEffect(() => ticker.listen(setNowMs), []);
  return (
    <p>
      certfleet · {cluster !== undefined && `${cluster} · `}
      <time dateTime={new Date(nowMs).toISOString()}>{times.absolute(nowMs)}</time>
    </p>
  );
}
