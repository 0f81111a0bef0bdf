import type { JSX } from 'preact';
import type { Verdict } from '@certfleet/operator-api/summary.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { t } from '../messages/messages.ts';
import { Icon } from '../ui/icon.tsx';
import type { IconName } from '../ui/icon.tsx';
import { ProblemText } from '../ui/problem-text.tsx';

export const verdictIcons: Readonly<Record<Verdict['level'], IconName>> = {
  ok: 'healthy',
  attention: 'warning',
  critical: 'critical',
  unknown: 'unknown',
};

/** Whether everything is all right, in one word, and the first reason why not. */
export function VerdictBanner(): JSX.Element {
  const { verdict } = useServices();
  const { level, reasons, more } = useStore(verdict);
  const [first] = reasons;
  const others = reasons.length - 1 + more;
  return (
    <section class={`verdict verdict-${level}`} aria-label={t.verdict.title}>
      <p class="verdict-word" role="status">
        <Icon name={verdictIcons[level]} />
        {t.verdict.words[level]}
      </p>
      <p>
        {first === undefined ? (
          t.verdict.allWell
        ) : (
          <a href={first.link}>
            <ProblemText problem={first} />
          </a>
        )}
        {others > 0 && <span class="dim">{t.verdict.moreReasons(others)}</span>}
      </p>
      <a class="small" href="/wall">
        {t.views.wall}
      </a>
    </section>
  );
}
