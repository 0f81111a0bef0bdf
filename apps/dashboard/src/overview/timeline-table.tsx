import type { JSX } from 'preact';
import { t } from '../messages/messages.ts';
import type { Zone } from '../time/relative-time.ts';
import { formatCount } from '../ui/count.ts';
import { DataTable } from '../ui/data-table.tsx';
import { spanAuditHref } from './annotations.ts';
import type { Annotation } from './annotations.ts';
import { dueHref, issuedHref } from './span-links.ts';
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

/** The chart as a table, with links to what is behind its bars. */
export function TimelineTable({ spans, unit, stepMs, zone, annotations }: TimelineTableProps): JSX.Element {
  return (
    <DataTable
      caption={texts.caption}
      rows={spans}
      keyOf={({ fromMs }) => String(fromMs)}
      columns={[
        { name: 'from', title: texts.from, cell: ({ fromMs }) => spanTitle(fromMs, unit, zone) },
        {
          name: 'renewed',
          title: texts.renewed,
          isNumber: true,
          cell: ({ fromMs, renewed }) => linkedCount(renewed, issuedHref(fromMs, stepMs), texts.issuedWithin),
        },
        { name: 'failed', title: texts.failedAttempts, isNumber: true, cell: ({ failed }) => countOrNone(failed) },
        {
          name: 'due',
          title: texts.due,
          isNumber: true,
          cell: ({ fromMs, due }) => linkedCount(due, dueHref(fromMs, stepMs), texts.dueWithin),
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

function linkedCount(count: number | null, href: string, title: string): JSX.Element | string {
  if (!count) return countOrNone(count);
  return (
    <a href={href} title={title}>
      {formatCount(count)}
    </a>
  );
}

const countOrNone = (count: number | null): string => (count === null ? '–' : formatCount(count));
