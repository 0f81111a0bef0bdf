import type { JSX } from 'preact';
import type { Renewal } from '@certfleet/operator-api/renewals.ts';
import type { Rich, Tag } from '../messages/format.ts';
import { t } from '../messages/messages.ts';

const { facts } = t.renewals;
const strong: Tag = (text) => <strong>{text}</strong>;

/** A cancelled renewal is not over until the renewals that agents are processing have a result. */
export const stateLabel = ({ state, pending }: Renewal): string =>
  state === 'cancelled' && pending > 0 ? t.renewals.cancelling : t.renewals.states[state];

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
      <progress max={Math.max(1, total)} value={done} aria-label={t.renewals.progressOf(reason)} data-renewal={id} />
      <p class="facts">
        <span>{facts.done({ strong, count: done, total })}</span>
        <Fact count={renewal.renewed} text={facts.renewed} />
        <Fact count={pending} text={facts.pending} />
        <Fact count={renewal.failures} text={facts.failures} isBad />
        <Fact count={renewal.gone} text={facts.removed} />
        <Fact count={renewal.cancelled} text={facts.cancelled} />
      </p>
      {renewal.canary && needsApproval(renewal) && (
        <p>
          {facts[renewal.state === 'awaiting-approval' ? 'canaryWaits' : 'canaryRuns']({
            done: renewal.canary.total - (renewal.canary.pending ?? 0),
            total: renewal.canary.total,
            others: total - renewal.canary.total,
          })}
        </p>
      )}
    </>
  );
}

interface FactProps {
  readonly count: number;
  readonly text: (counted: { readonly strong: Tag; readonly count: number }) => Rich;
  readonly isBad?: boolean;
}

function Fact({ count, text, isBad = false }: FactProps): JSX.Element | null {
  if (count === 0) return null;
  return <span class={isBad ? 'bad' : undefined}>{text({ strong, count })}</span>;
}
