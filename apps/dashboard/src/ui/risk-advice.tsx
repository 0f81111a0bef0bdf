import type { JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { riskTexts } from './risk-reasons.ts';
import type { RiskReason } from './risk-reasons.ts';

/** The first step against a risk, linked to its section of the runbook if its address is configured. */
export function RiskAdvice({ reason }: { readonly reason: RiskReason }): JSX.Element {
  return <RunbookAdvice {...riskTexts[reason]} />;
}

/** A first step, linked to a section of the runbook if its address is configured. */
export function RunbookAdvice({ advice, section }: { readonly advice: string; readonly section: string }): JSX.Element {
  const { session } = useServices();
  const state = useStore(session.state);
  const runbook = state.name === 'signed-in' ? state.session.runbookUrl : undefined;
  if (runbook === undefined) return <span class="wrap">{advice}</span>;
  return (
    <span class="wrap">
      {advice}:{' '}
      <a href={`${runbook}#${section}`} target="_blank" rel="noreferrer">
        runbook
      </a>
    </span>
  );
}
