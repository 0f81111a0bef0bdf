import type { JSX } from 'preact';
import type { Renewal } from '@certfleet/operator-api/renewals.ts';
import { counted, formatCount } from '../ui/count.ts';

const stateLabels: Readonly<Record<Renewal['state'], string>> = {
  starting: 'Starting',
  running: 'Running',
  'awaiting-approval': 'Awaiting approval',
  stopped: 'Stopped',
  suspended: 'Suspended',
  cancelled: 'Cancelled',
  finished: 'Finished',
  rejected: 'Rejected',
};

/** A cancelled renewal is not over until the renewals that agents are processing have a result. */
export const stateLabel = ({ state, pending }: Renewal): string =>
  state === 'cancelled' && pending > 0 ? 'Cancelling…' : stateLabels[state];

const over: ReadonlySet<Renewal['state']> = new Set(['cancelled', 'finished', 'rejected']);

export const isOpen = ({ state }: Renewal): boolean => !over.has(state);

/** Whether the volumes after the canary wait for an approval, now or later. */
export const needsApproval = (renewal: Renewal): boolean =>
  renewal.canary !== undefined && renewal.canary.approvedAt === undefined && isOpen(renewal);

/** Progress and results of a renewal. */
export function RenewalFacts({ renewal }: { readonly renewal: Renewal }): JSX.Element {
  const { id, reason, total, pending } = renewal;
  const done = total - pending;
  return (
    <>
      <progress max={Math.max(1, total)} value={done} aria-label={`Progress of ${reason}`} data-renewal={id} />
      <p class="facts">
        <Fact count={done} of={total} word="done" />
        <Fact count={renewal.renewed} word="renewed" />
        <Fact count={pending} word="pending" />
        <Fact count={renewal.failures} word="failed attempts" isBad />
        <Fact count={renewal.gone} word="removed" />
        <Fact count={renewal.cancelled} word="cancelled" />
      </p>
      {renewal.canary && needsApproval(renewal) && (
        <p>
          Canary: {formatCount(renewal.canary.total - (renewal.canary.pending ?? 0))} of{' '}
          {formatCount(renewal.canary.total)} done. The other {counted(total - renewal.canary.total, 'volume')}{' '}
          {renewal.state === 'awaiting-approval' ? 'wait for an approval.' : 'start after an approval.'}
        </p>
      )}
    </>
  );
}

interface FactProps {
  readonly count: number;
  readonly of?: number;
  readonly word: string;
  readonly isBad?: boolean;
}

function Fact({ count, of, word, isBad = false }: FactProps): JSX.Element | null {
  if (count === 0 && of === undefined) return null;
  return (
    <span class={isBad ? 'bad' : undefined}>
      <strong>{formatCount(count)}</strong>
      {of !== undefined && ` of ${formatCount(of)}`} {word}
    </span>
  );
}
