import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { t } from '../messages/messages.ts';
import { runbookSections } from './risk-reasons.ts';
import type { RiskReason } from './risk-reasons.ts';

/** The first step against a risk, linked to its section of the runbook if its address is configured. */
export function RiskAdvice({ reason }: { readonly reason: RiskReason }): JSX.Element {
  const { session } = useServices();
  const state = useStore(session.state);
  const runbook = state.name === 'signed-in' ? state.session.runbookUrl : undefined;
  const { advice } = t.risk.reasons[reason];
  if (runbook === undefined) return <span class="wrap">{advice}</span>;
  return (
    <span class="wrap">
      {t.risk.adviceWithRunbook({
        advice,
        runbook: (text) => (
          <a href={`${runbook}#${runbookSections[reason]}`} target="_blank" rel="noreferrer">
            {text}
          </a>
        ),
      })}
    </span>
  );
}
