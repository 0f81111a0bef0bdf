import type { JSX } from 'preact';
import type { Wait } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { RelativeTime } from './relative-time.tsx';

type Words = readonly [withTime: string, alone: string, long: string];

const reasons: Readonly<Record<Wait['reason'], Words>> = {
  paused: ['lane paused', 'lane paused', 'Its lane is paused by a person'],
  window: ['window', 'outside its window', 'It waits for the renewal window of its lane'],
  rate: ['turn', 'in line', 'It waits for its turn: its lane lets so many a second through'],
  'in-flight': ['no place', 'no place in flight', 'As many renewals are in flight as its lane allows'],
  'node-limit': ['node limit', 'node limit', 'Its node has as many slots of the lane as one node may have'],
  'node-silent': ['node silent', 'node silent', 'Its node does not report; its agent renews by its own deadline'],
  'back-off': ['lane rests,', 'lane rests', 'Its lane rests after failures of the issuer'],
};

/** Why a renewal waits, and until when as far as that is known. */
export function WaitReasonNote({ waiting }: { readonly waiting: Wait }): JSX.Element {
  const { clock } = useServices();
  const [withTime, alone, long] = reasons[waiting.reason];
  // A turn that has come is not worth a time: the renewal is about to start.
  const until = waiting.until !== undefined && Date.parse(waiting.until) > clock.now() ? waiting.until : undefined;
  return (
    <span class="dim small" title={long}>
      {until === undefined ? (
        alone
      ) : (
        <>
          {withTime} <RelativeTime at={until} />
        </>
      )}
    </span>
  );
}
