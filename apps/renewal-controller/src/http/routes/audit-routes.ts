import { AuditExportSchema, AuditQuerySchema, AuditSchema } from '@certfleet/operator-api/audit.ts';
import type { AuditEntry } from '@certfleet/operator-api/audit.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { view } from './api-context.ts';
import type { Api, ApiContext } from './api-context.ts';
import { csvLine } from './csv.ts';
import { exportFileName } from './volume-export.ts';

/** Routes for the audit log and its export. */
export function auditRoutes(api: Api, context: ApiContext): void {
  const { audit } = context;
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  const schema = { querystring: AuditQuerySchema, response: { 200: AuditSchema } };
  routes.get('/audit', { ...view, schema }, ({ query }) => audit.page(query));
  routes.get(
    '/audit/export',
    { ...view, schema: { querystring: AuditExportSchema } },
    async ({ query: { format, ...filter }, operator }, reply) => {
      const text = Object.entries(filter).map(([name, value]) => `${name}=${value}`);
      const target = `audit ${text.length === 0 ? 'log' : text.join(' ')}`;
      const action = { who: operator, action: 'export', target, detail: format } as const;
      const entries = await audit.around(action, async () => ({ value: await audit.all(filter), detail: format }));
      return await reply
        .type(format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/json; charset=utf-8')
        .header('content-disposition', `attachment; filename="${exportFileName(context, 'audit', format)}"`)
        .send(format === 'csv' ? csvOf(entries) : JSON.stringify(entries));
    },
  );
}

function csvOf(entries: readonly AuditEntry[]): string {
  const lines = entries.map(({ id, at, who, action, target, reason, outcome = 'done', detail, cluster }) =>
    csvLine([id, at, who, action, outcome, target, reason, detail, cluster]),
  );
  return `${csvLine(['id', 'at', 'who', 'action', 'outcome', 'target', 'reason', 'detail', 'cluster'])}${lines.join('')}`;
}
