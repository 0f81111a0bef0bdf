import { AuditQuerySchema, AuditSchema } from '@certfleet/operator-api/audit.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { view } from './api-context.ts';
import type { Api, ApiContext } from './api-context.ts';

export function auditRoutes(api: Api, { audit }: ApiContext): void {
  const schema = { querystring: AuditQuerySchema, response: { 200: AuditSchema } };
  api.withTypeProvider<TypeBoxTypeProvider>().get('/audit', { ...view, schema }, ({ query }) => audit.page(query));
}
