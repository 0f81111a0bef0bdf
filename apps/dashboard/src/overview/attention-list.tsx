import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Summary } from '@certfleet/operator-api/summary.ts';
import { t } from '../messages/messages.ts';
import { RenewDialog } from '../renewals/renew-dialog.tsx';
import { ActionButton } from '../ui/action-button.tsx';
import type { ActionBasis } from '../ui/action-button.tsx';
import { Icon } from '../ui/icon.tsx';
import { ProblemText } from '../ui/problem-text.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

const shownAtFirst = 6;

/** Problems, the most severe first, each with a link. */
export function AttentionList({ summary, on }: { readonly summary: Summary; readonly on: ActionBasis }): JSX.Element {
  const { attention, byState } = summary;
  const [areAllShown, setAllShown] = useState(false);
  const [isRetrying, setRetrying] = useState(false);
  const shown = areAllShown ? attention : attention.slice(0, shownAtFirst);
  return (
    <section class="panel" aria-labelledby="attention">
      <div class="panel-head">
        <h2 id="attention">{t.overview.attention.title}</h2>
        {byState.failing + byState.expired > 0 && (
          <ActionButton on={on} onClick={() => setRetrying(true)}>
            {t.common.retryFailed}
          </ActionButton>
        )}
      </div>
      {attention.length === 0 ? (
        <p class="all-well">
          <Icon name="healthy" /> {t.overview.attention.none}
        </p>
      ) : (
        <ul class="attention">
          {shown.map((problem) => (
            <li key={`${problem.kind} ${problem.link}`} class={`severity-${problem.severity}`}>
              <Icon name={problem.severity} />
              <span class="visually-hidden">{t.overview.attention.severities[problem.severity]}</span>
              <a href={problem.link}>
                <ProblemText problem={problem} />
              </a>
              {problem.expires !== undefined && (
                <span class="small">{t.overview.attention.expires(<RelativeTime at={problem.expires} />)}</span>
              )}
            </li>
          ))}
        </ul>
      )}
      {attention.length > shown.length && (
        <button type="button" class="quiet" onClick={() => setAllShown(true)}>
          {t.overview.attention.showMore(attention.length - shown.length)}
        </button>
      )}
      {isRetrying && (
        <RenewDialog selection={{ query: { state: 'failing,expired' } }} onClose={() => setRetrying(false)} />
      )}
    </section>
  );
}
