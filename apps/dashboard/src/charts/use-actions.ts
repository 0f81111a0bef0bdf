import type { Audit } from '@certfleet/operator-api/audit.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import type { Resource } from '../live/use-resource.ts';

/** More actions than this are not in a chart; the audit log has them. */
const maxEntries = '500';

/**
 * The actions of operators that a chart marks.
 * @param target only actions that name this
 */
export function useActions(pastMs: number, target?: string): Resource<Audit> {
  const { api, serverClock } = useServices();
  const query = (): URLSearchParams =>
    new URLSearchParams({
      since: new Date(serverClock.now() - pastMs).toISOString(),
      limit: maxEntries,
      ...(target !== undefined && { target }),
    });
  return useResource<Audit>({
    key: `actions:${pastMs} ${target ?? ''}`,
    load: (signal) => api.audit(query(), signal),
    kinds: ['audit'],
    atLeastEveryMs: 30_000,
    currentForMs: 60_000,
  });
}
