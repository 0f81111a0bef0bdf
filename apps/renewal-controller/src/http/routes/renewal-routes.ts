import { IdSchema } from '@certfleet/operator-api/fields.ts';
import {
  RenewalPreviewSchema,
  RenewalRequestSchema,
  RenewalSchema,
  RenewalsSchema,
} from '@certfleet/operator-api/renewals.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { describeSelection } from '../../fleet-index/query/volume-selection.ts';
import { renew, view } from './api-context.ts';
import type { Api, ApiContext } from './api-context.ts';
import { toPreviewDto, toRenewalDto } from '../views/renewal-dto.ts';

/** Routes to preview, start, follow and cancel bulk renewals. */
export function renewalRoutes(api: Api, { dispatcher: { bulks }, selectVolumes, audit, announce }: ApiContext): void {
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  const one = { params: IdSchema, response: { 200: RenewalSchema } };
  routes.get('/renewals', { ...view, schema: { response: { 200: RenewalsSchema } } }, async () => ({
    renewals: (await bulks.list()).map(toRenewalDto),
  }));
  routes.get('/renewals/:id', { ...view, schema: one }, async ({ params }) =>
    toRenewalDto(await bulks.progress(params.id)),
  );
  routes.post(
    '/renewals',
    {
      ...renew,
      schema: { body: RenewalRequestSchema, response: { 200: RenewalPreviewSchema, 202: RenewalSchema } },
    },
    async ({ body, operator }, reply) => {
      const { selection: wanted, reason, dryRun = false, ignoreWindows = false, everything = false } = body;
      if (!hasCriterion(wanted) && !everything) {
        throw new CertfleetError(
          'invalid-argument',
          'the selection is empty: set a criterion, or everything: true for the whole fleet',
        );
      }
      const selection = await selectVolumes(wanted);
      if (dryRun) return await reply.code(200).send(toPreviewDto(bulks.preview(selection)));
      const action = { who: operator, action: 'renew', target: describeSelection(selection), reason } as const;
      const renewal = await audit.around(action, async () => {
        const id = await bulks.request(selection, { by: operator, reason, ignoreWindows });
        const value = toRenewalDto(await bulks.progress(id));
        return { value, detail: `${value.total} volumes${ignoreWindows ? ', windows ignored' : ''}; renewal ${id}` };
      });
      await announce(['renewals']);
      return await reply.code(202).send(renewal);
    },
  );
  routes.delete('/renewals/:id', { ...renew, schema: one }, async ({ params, operator }) => {
    const action = { who: operator, action: 'cancel', target: `renewal ${params.id}` } as const;
    const renewal = await audit.around(action, async () => {
      const value = toRenewalDto(await bulks.cancel(params.id));
      return { value, detail: `${value.cancelled} of ${value.total} volumes cancelled` };
    });
    await announce(['renewals']);
    return renewal;
  });
}

/** An empty query selects nothing either. */
function hasCriterion({ query = {}, ...criteria }: { readonly query?: object }): boolean {
  return Object.keys(criteria).length > 0 || Object.keys(query).length > 0;
}
