import { PermitAnswerSchema, permitPath, PermitRequestSchema } from '@certfleet/operator-api/lane-permits.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { Api, ApiContext } from './api-context.ts';

/** The route on which pod certificate signers ask for permits in the lanes of issuers; not part of the operators' API. */
export function permitRoutes(api: Api, { permits, policies }: ApiContext): void {
  const schema = { hide: true, body: PermitRequestSchema, response: { 200: PermitAnswerSchema } };
  api
    .withTypeProvider<TypeBoxTypeProvider>()
    .post(`/${permitPath}`, { config: { right: 'sign' }, schema }, async ({ body }) => {
      const { issuer, ...request } = body;
      const lane = policies.laneOf(issuer);
      const { ratePerSecond, burst, maxInFlight, answerTimeoutMs } = lane.policy;
      const { permits: granted, askAgainInMs } = await permits.ask(lane, request);
      return { permits: [...granted], askAgainInMs, answerTimeoutMs, limits: { ratePerSecond, burst, maxInFlight } };
    });
}
