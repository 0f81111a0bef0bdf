import type { JSX } from 'preact';
import { t } from '../messages/messages.ts';
import type { Zone } from '../time/relative-time.ts';
import { volumesHref } from '../routing/route.ts';
import { formatCount } from '../ui/count.ts';
import { DataTable } from '../ui/data-table.tsx';
import { spanAuditHref } from './annotations.ts';
import type { Annotation } from './annotations.ts';
import { spanTitle } from './span-title.ts';
import type { TimelineSpan, TimeUnit } from './timeline-spans.ts';

const texts = t.overview.timeline;

export interface TimelineTableProps {
  readonly spans: readonly TimelineSpan[];
  readonly unit: TimeUnit;
  readonly stepMs: number;
  readonly zone: Zone;
  /** By the start of the span. */
  readonly annotations: ReadonlyMap<number, readonly Annotation[]>;
}

/** The volumes that are due before the end of a span. */
export const dueHref = (fromMs: number, stepMs: number): string =>
  volumesHref({ renewsBefore: new Date(fromMs + stepMs).toISOString() });

/** The chart as a table, with links to what is behind its bars. */
export function TimelineTable({ spans, unit, stepMs, zone, annotations }: TimelineTableProps): JSX.Element {
  return (
    <DataTable
      caption={texts.caption}
      rows={spans}
      keyOf={({ fromMs }) => String(fromMs)}
      columns={[
        { name: 'from', title: texts.from, cell: ({ fromMs }) => spanTitle(fromMs, unit, zone) },
        { name: 'renewed', title: texts.renewed, isNumber: true, cell: ({ renewed }) => countOrNone(renewed) },
        { name: 'failed', title: texts.failedAttempts, isNumber: true, cell: ({ failed }) => countOrNone(failed) },
        {
          name: 'due',
          title: texts.due,
          isNumber: true,
          cell: ({ fromMs, due }) =>
            due ? (
              <a href={dueHref(fromMs, stepMs)} title={texts.dueBefore}>
                {formatCount(due)}
              </a>
            ) : (
              countOrNone(due)
            ),
        },
        {
          name: 'actions',
          title: texts.actions,
          cell: ({ fromMs }) => <Actions of={annotations.get(fromMs) ?? []} href={spanAuditHref(fromMs, stepMs)} />,
        },
      ]}
    />
  );
}

/** More actions are only counted. */
const named = 2;

function Actions({ of, href }: { readonly of: readonly Annotation[]; readonly href: string }): JSX.Element | null {
  if (of.length === 0) return null;
  const more = of.length - named;
  const actions = of
    .slice(0, named)
    .map(({ text }) => text)
    .join(texts.actionSeparator);
  return <a href={href}>{more > 0 ? texts.actionsAndMore({ actions, more }) : actions}</a>;
}

const countOrNone = (count: number | null): string => (count === null ? '–' : formatCount(count));
