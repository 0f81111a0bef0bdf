import type { JSX } from 'preact';
import type { Served } from '@certfleet/operator-api/volumes.ts';
import { RelativeTime } from './relative-time.tsx';

const titles: Readonly<Record<Served['state'], readonly [short: string, long: string]>> = {
  served: ['loaded', "The pod serves the volume's certificate"],
  renewed: ['renewed', 'The certificate was renewed; the pod may still load it'],
  'not-loaded': ['not loaded', "The pod serves another certificate than the volume's: its server must reload"],
  unknown: ['unknown', 'No certificate was found at the probed port of the pod'],
};

const failures: Readonly<Record<NonNullable<Served['failure']>, string>> = {
  'no-address': 'the pod has no address of its own',
  'host-network': 'the pod is in the network of its host',
  refused: 'nothing listens on the port',
  timeout: 'the port does not answer',
  'no-certificate': 'the port does not speak TLS',
};

/** What the pod's server was seen to use. */
export function ServedNote({ served: { state, failure } }: { readonly served: Served }): JSX.Element {
  const [short, long] = titles[state];
  const why = failure === undefined ? long : `${long}: ${failures[failure]}`;
  return (
    <span class={state === 'not-loaded' ? 'bad small' : 'dim small'} title={why}>
      {short}
    </span>
  );
}

/** The same with its reason and since when. */
export function ServedFact({ served: { state, since, failure } }: { readonly served: Served }): JSX.Element {
  const [, long] = titles[state];
  return (
    <>
      {long}
      {failure !== undefined && `: ${failures[failure]}`}
      {since !== undefined && (
        <>
          {', '}
          <span class="dim">
            since <RelativeTime at={since} />
          </span>
        </>
      )}
    </>
  );
}
