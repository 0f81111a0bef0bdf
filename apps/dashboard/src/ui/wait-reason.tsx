import type { JSX } from 'preact';
import type { Wait } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { RelativeTime } from './relative-time.tsx';

type Texts = readonly [withTime: string, short: string, long: string];

const reasons: Readonly<Record<Wait['reason'], Texts>> = {
  paused: ['lane paused', 'lane paused', 'The lane is paused by an operator'],
  window: ['window', 'outside the window', 'The renewal waits for the renewal window of its lane'],
  rate: ['starts', 'rate limit', 'The renewal waits for the rate limit of its lane'],
  'in-flight': ['in-flight limit', 'in-flight limit', 'The lane has reached its limit of renewals in flight'],
  'node-limit': ['node limit', 'node limit', 'The node has reached its share of the lane’s slots'],
  'node-silent': ['node silent', 'node silent', 'The node does not report; its agent renews at its fallback deadline'],
  'back-off': ['lane retries', 'lane backing off', 'The lane backs off after failures of its issuer'],
};

/** Why a renewal waits, and until when if known. */
export function WaitReasonNote({ waiting }: { readonly waiting: Wait }): JSX.Element {
  const { serverClock } = useServices();
  const [withTime, short, long] = reasons[waiting.reason];
  // A time in the past is not shown: the renewal is about to start.
  const until =
    waiting.until !== undefined && Date.parse(waiting.until) > serverClock.now() ? waiting.until : undefined;
  return (
    <span class="dim small" title={long}>
      {until === undefined ? (
        short
      ) : (
        <>
          {withTime} <RelativeTime at={until} />
        </>
      )}
    </span>
  );
}
