import type { Audit, AuditEntry } from '@certfleet/operator-api/audit.ts';
import { t } from '../messages/messages.ts';
import { auditHref } from '../routing/route.ts';

/** An action of an operator that changes the course of renewals. */
export interface Annotation {
  readonly atMs: number;
  readonly text: string;
}

/** Actions that a chart of renewals shows. */
const charted: ReadonlySet<AuditEntry['action']> = new Set([
  'renew',
  'cancel',
  'suspend',
  'pause',
  'resume',
  'rotate',
  'rollback',
  'approve',
]);

/** The completed actions of an audit log. */
export function annotationsOf({ entries }: Audit): readonly Annotation[] {
  return entries
    .filter(({ action, outcome = 'done' }) => charted.has(action) && outcome === 'done')
    .map(({ at, action, target }) => ({
      atMs: Date.parse(at),
      text: t.overview.timeline.action({ action: t.audit.actions[action], target }),
    }));
}

/** The annotations of each span, by its start. */
export function bySpan(
  annotations: readonly Annotation[],
  starts: readonly number[],
  stepMs: number,
): ReadonlyMap<number, readonly Annotation[]> {
  return new Map(
    starts.map((fromMs) => [fromMs, annotations.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + stepMs)]),
  );
}

/** The audit entries of a span. */
export const spanAuditHref = (fromMs: number, stepMs: number): string =>
  auditHref({ since: new Date(fromMs).toISOString(), until: new Date(fromMs + stepMs).toISOString() });
