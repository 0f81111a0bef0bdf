import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { t } from '../messages/messages.ts';
import { relativeTime, shortDuration } from '../time/relative-time.ts';

interface RelativeTimeProps {
  readonly at: string | undefined;
  /** What it is in a sentence: when something began that lasts, or when something happened. By itself if absent. */
  readonly phrase?: keyof typeof phrases;
}

const phrases = {
  alone: { relative: relativeTime, exact: (at: string) => at },
  since: {
    relative: (atMs: number, nowMs: number) => t.time.lasting(shortDuration(Math.max(0, nowMs - atMs))),
    exact: t.time.since,
  },
  at: { relative: relativeTime, exact: t.time.at },
};

/** A time in the chosen form: relative to now, which updates, or exact. The other form is in the tooltip. */
export function RelativeTime({ at, phrase = 'alone' }: RelativeTimeProps): JSX.Element {
  const { ticker, times } = useServices();
  const { form } = useStore(times.chosen);
  const { relative, exact: exactly } = phrases[phrase];
  const atMs = at === undefined ? Number.NaN : Date.parse(at);
  const [text, setText] = useState(() => relative(atMs, ticker.now()));
  useEffect(() => {
    setText(relative(atMs, ticker.now()));
    return ticker.listen((nowMs) => setText(relative(atMs, nowMs)));
  }, [atMs, phrase]);
  if (at === undefined || Number.isNaN(atMs)) return <span class="none">–</span>;
  const exact = exactly(times.absolute(atMs));
  return (
    <time dateTime={at} title={form === 'exact' ? text : exact}>
      {form === 'exact' ? exact : text}
    </time>
  );
}
