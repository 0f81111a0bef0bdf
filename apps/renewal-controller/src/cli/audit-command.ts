import type { Audit } from '@certfleet/operator-api/audit.ts';
import { show, withQuery } from './command.ts';
import type { Command } from './command.ts';
import { table } from './table.ts';

/** Shows the latest actions of operators that match the flags. */
export const audit: Command = async (context) => {
  const { who, action, target, since } = context.options.flags;
  const query = withQuery('audit', { limit: '200', who, action, target, since });
  const answer = (await context.ask('GET', query)) as Audit;
  const rows = answer.entries.map(({ outcome = 'done', ...entry }) => [
    entry.at,
    entry.who,
    outcome === 'done' ? entry.action : `${entry.action} (${outcome})`,
    entry.target,
    entry.reason ?? '',
    entry.detail ?? '',
  ]);
  show(context, answer, () => table(['AT', 'WHO', 'ACTION', 'TARGET', 'REASON', 'DETAIL'], rows));
};
