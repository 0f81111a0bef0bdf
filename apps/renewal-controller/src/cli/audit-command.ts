import type { Audit } from '@certfleet/operator-api/audit.ts';
import { show } from './command.ts';
import type { Command } from './command.ts';
import { table } from './table.ts';

/** Shows the latest actions of operators. */
export const audit: Command = async (context) => {
  const answer = (await context.ask('GET', 'audit?limit=200')) as Audit;
  const rows = answer.entries.map(({ at, who, action, target, outcome = 'done', reason = '', detail = '' }) => [
    at,
    who,
    outcome === 'done' ? action : `${action} (${outcome})`,
    target,
    reason,
    detail,
  ]);
  show(context, answer, () => table(['AT', 'WHO', 'ACTION', 'TARGET', 'REASON', 'DETAIL'], rows));
};
