import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { relativeTime } from '../time/relative-time.ts';

/** A time in the chosen form: relative to now, which updates, or exact. The other form is in the tooltip. */
export function RelativeTime({ at }: { readonly at: string | undefined }): JSX.Element {
  const { ticker, times } = useServices();
  const { form } = useStore(times.chosen);
  const atMs = at === undefined ? Number.NaN : Date.parse(at);
  const [text, setText] = useState(() => relativeTime(atMs, ticker.now()));
  useEffect(() => {
    setText(relativeTime(atMs, ticker.now()));
    return ticker.listen((nowMs) => setText(relativeTime(atMs, nowMs)));
  }, [atMs]);
  if (at === undefined || Number.isNaN(atMs)) return <span class="none">–</span>;
  const exact = times.absolute(atMs);
  return (
    <time dateTime={at} title={form === 'exact' ? text : exact}>
      {form === 'exact' ? exact : text}
    </time>
  );
}
