import type { JSX } from 'preact';
import { problemText } from '@certfleet/operator-api/english-texts.ts';
import type { Problem } from '@certfleet/operator-api/problems.ts';
import { t } from '../messages/messages.ts';
import { RelativeTime } from './relative-time.tsx';

const times = {
  since: (at: string) => <RelativeTime at={at} phrase="since" />,
  at: (at: string) => <RelativeTime at={at} phrase="at" />,
};

/** A sentence of the page itself, or a problem of the controller with its English sentence. */
export type Told = { readonly text: string } & Partial<Problem>;

/** The sentence of a problem in the language of the page, with times in the chosen zone and form. */
export function ProblemText({ problem }: { readonly problem: Told }): JSX.Element {
  return <>{isKnown(problem) ? problemText(problem, t.problems, times) : problem.text}</>;
}

/** Whether the page has a sentence for it: a controller of another release may send no facts, or know other kinds. */
function isKnown(problem: Partial<Problem>): problem is Problem {
  const { kind, facts } = problem;
  return kind !== undefined && facts !== undefined && Object.hasOwn(t.problems, kind);
}
