import type { JSX } from 'preact';
import type { Served } from '@certfleet/operator-api/volumes.ts';
import { t } from '../messages/messages.ts';
import { RelativeTime } from './relative-time.tsx';

/** What the pod's server was seen to use. */
export function ServedNote({ served: { state, failure } }: { readonly served: Served }): JSX.Element {
  return (
    <span class={state === 'not-loaded' ? 'bad small' : 'dim small'} title={sentenceOf(state, failure)}>
      {t.served.states[state].short}
    </span>
  );
}

function sentenceOf(state: Served['state'], failure: Served['failure']): string {
  const { long } = t.served.states[state];
  return failure === undefined ? long : t.served.withFailure({ state: long, failure: t.served.failures[failure] });
}

/** The same with its reason and since when. */
export function ServedFact({ served: { state, since, failure } }: { readonly served: Served }): JSX.Element {
  const sentence = sentenceOf(state, failure);
  if (since === undefined) return <>{sentence}</>;
  const sinceThen = <span class="dim">{t.common.since(<RelativeTime at={since} />)}</span>;
  return <>{t.served.withSince({ state: sentence, since: sinceThen })}</>;
}
