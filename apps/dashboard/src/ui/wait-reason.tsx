import type { JSX } from 'preact';
import type { Wait } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { t } from '../messages/messages.ts';
import { RelativeTime } from './relative-time.tsx';

/** Why a renewal waits, and until when if known. */
export function WaitReasonNote({ waiting }: { readonly waiting: Wait }): JSX.Element {
  const { serverClock } = useServices();
  const texts = t.waits[waiting.reason];
  // A time in the past is not shown: the renewal is about to start.
  const until =
    waiting.until !== undefined && Date.parse(waiting.until) > serverClock.now() ? waiting.until : undefined;
  return (
    <span class="dim small" title={texts.long}>
      {until === undefined ? texts.short : texts.until(<RelativeTime at={until} />)}
    </span>
  );
}
