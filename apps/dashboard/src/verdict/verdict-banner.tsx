import type { JSX } from 'preact';
import type { Verdict } from '@certfleet/operator-api/summary.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { Icon } from '../ui/icon.tsx';
import type { IconName } from '../ui/icon.tsx';
import { verdictWords } from './shown-verdict.ts';

export const verdictIcons: Readonly<Record<Verdict['level'], IconName>> = {
  ok: 'healthy',
  attention: 'warning',
  critical: 'critical',
  unknown: 'unknown',
};

/** Whether everything is all right, in one word, and the first reason why not. */
export function VerdictBanner(): JSX.Element {
  const { verdict, times } = useServices();
  const { level, reasons, more } = useStore(verdict);
  const [first] = reasons;
  const others = reasons.length - 1 + more;
  return (
    <section class={`verdict verdict-${level}`} aria-label="Verdict">
      <p class="verdict-word" role="status">
        <Icon name={verdictIcons[level]} />
        {verdictWords[level]}
      </p>
      <p>
        {first === undefined ? (
          'Every certificate is valid, and nothing prevents a renewal.'
        ) : (
          <a href={first.link}>{times.inZone(first.text, first.since)}</a>
        )}
        {others > 0 && <span class="dim"> and {others === 1 ? 'one more reason' : `${others} more reasons`}</span>}
      </p>
      <a class="small" href="/wall">
        Wall
      </a>
    </section>
  );
}
