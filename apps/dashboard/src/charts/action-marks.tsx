import type { JSX } from 'preact';
import type { Audit } from '@certfleet/operator-api/audit.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { isSettled } from '../live/use-resource.ts';
import type { Resource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { annotationsOf, spanAuditHref } from '../overview/annotations.ts';
import type { Annotation } from '../overview/annotations.ts';

const texts = t.overview.timeline;
const hourMs = 3_600_000;

/** The actions within a chart of some hours. */
export function actionsWithin(audit: Audit | undefined, fromMs: number, hours: number): readonly Annotation[] {
  if (audit === undefined) return [];
  return annotationsOf(audit).filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + hours * hourMs);
}

interface ActionLinesProps {
  readonly actions: readonly Annotation[];
  readonly fromMs: number;
  readonly height: number;
}

/** A line for each action in an SVG whose width is in hours. */
export function ActionLines({ actions, fromMs, height }: ActionLinesProps): JSX.Element {
  const line = ({ atMs }: Annotation): string => `M${((atMs - fromMs) / hourMs).toFixed(2)} 0V${height}`;
  return <path class="action-line" d={actions.map(line).join('')} />;
}

interface ActionListProps {
  readonly actions: readonly Annotation[];
  readonly on: Resource<Audit>;
}

/** The actions that a chart marks, each with a link to the audit log. */
export function ActionList({ actions, on }: ActionListProps): JSX.Element {
  const { times } = useServices();
  useStore(times.chosen);
  return (
    <>
      {actions.length > 0 && (
        <details class="as-table">
          <summary>
            <span class="key key-action">{texts.actionCount(actions.length)}</span>
          </summary>
          <ul class="named">
            {actions.map(({ atMs, text }) => (
              <li key={`${atMs} ${text}`}>
                <a href={spanAuditHref(atMs, 1)}>{times.absolute(atMs)}</a> {text}
              </li>
            ))}
          </ul>
        </details>
      )}
      <ActionsNotice on={on} />
    </>
  );
}

/** Whether actions may be missing in a chart. */
export function ActionsNotice({ on }: Pick<ActionListProps, 'on'>): JSX.Element | null {
  if (!on.isCurrent) return isSettled(on) ? <p class="dim small">{texts.actionsOutdated}</p> : null;
  return on.data?.next === undefined ? null : <p class="dim small">{texts.actionsCut}</p>;
}
