import { useEffect } from 'preact/hooks';
import type { Verdict } from '@certfleet/operator-api/summary.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { noVerdict, shownVerdict } from './shown-verdict.ts';

/** Keeps the verdict of every view; it renders nothing. */
export function VerdictKeeper(): null {
  const { api, verdict, title } = useServices();
  const { data, isCurrent } = useResource<Verdict>({
    key: 'verdict',
    load: (signal) => api.verdict(signal),
    // Not with every changed volume: each open page would make the controller count the fleet once a second.
    kinds: ['nodes', 'lanes', 'renewals'],
    atMostEveryMs: 4_000,
    atLeastEveryMs: 4_000,
    ignoresPause: true,
  });
  useEffect(() => {
    const shown = shownVerdict(data, isCurrent);
    verdict.set(shown);
    title.showVerdict(shown.level);
  }, [data, isCurrent]);
  // Without a session nothing is known.
  useEffect(
    () => () => {
      verdict.set(noVerdict);
      title.showVerdict(undefined);
    },
    [],
  );
  return null;
}
