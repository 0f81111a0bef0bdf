import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useServices } from '../app/services.ts';
import { absoluteTime, relativeTime } from '../time/relative-time.ts';

/** A relative time that updates; the absolute time is in the tooltip. */
export function RelativeTime({ at }: { readonly at: string | undefined }): JSX.Element {
  const { ticker } = useServices();
  const atMs = at === undefined ? Number.NaN : Date.parse(at);
  const [text, setText] = useState(() => relativeTime(atMs, ticker.now()));
  useEffect(() => {
    setText(relativeTime(atMs, ticker.now()));
    return ticker.listen((nowMs) => setText(relativeTime(atMs, nowMs)));
  }, [atMs]);
  if (at === undefined || Number.isNaN(atMs)) return <span class="none">–</span>;
  return (
    <time dateTime={at} title={absoluteTime(atMs)}>
      {text}
    </time>
  );
}
