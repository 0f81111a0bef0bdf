import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { productName } from '../app/product-name.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { t } from '../messages/messages.ts';
import { Icon } from '../ui/icon.tsx';
import { ProblemText } from '../ui/problem-text.tsx';
import { verdictIcons } from './verdict-banner.tsx';

const maxReasons = 3;

/** The verdict for a screen on the wall: readable from three metres, without controls. */
export function WallPage(): JSX.Element {
  const { verdict, title } = useServices();
  const { level, reasons, more } = useStore(verdict);
  const shown = reasons.slice(0, maxReasons);
  const others = reasons.length - shown.length + more;
  useEffect(() => title.showView(t.views.wall), []);
  return (
    <div class={`wall-body wall-${level}`}>
      <h1>
        <Icon name={verdictIcons[level]} />
        {t.verdict.words[level]}
      </h1>
      <p class="visually-hidden" role="status">
        {t.verdict.words[level]}
      </p>
      <ul>
        {shown.map((reason) => (
          <li key={reason.text}>
            <ProblemText problem={reason} />
          </li>
        ))}
        {others > 0 && <li>{t.common.andMore(others)}</li>}
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
      {productName} · {cluster !== undefined && `${cluster} · `}
      <time dateTime={new Date(nowMs).toISOString()}>{times.absolute(nowMs)}</time>
    </p>
  );
}
