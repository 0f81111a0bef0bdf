import { IdSchema } from '@certfleet/operator-api/fields.ts';
import {
  RenewalPreviewSchema,
  RenewalRequestSchema,
  RenewalSchema,
  RenewalsSchema,
} from '@certfleet/operator-api/renewals.ts';
import type { Renewal, RenewalRequest } from '@certfleet/operator-api/renewals.ts';
import { Cache } from '@certfleet/shared/cache.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { describeSelection } from '../../fleet-index/query/volume-selection.ts';
import type { VolumeSelection } from '../../fleet-index/query/volume-selection.ts';
import { renew, view } from './api-context.ts';
import type { Api, ApiContext } from './api-context.ts';
import { PreviewedSelections } from '../views/previewed-selections.ts';
import { toPreviewDto, toRenewalDto } from '../views/renewal-dto.ts';

/** For how long a repeated request with the same id returns the renewal of the first one. */
const repeatMs = 10 * 60_000;
const maxRepeatable = 1_000;

/** Routes to preview, start, follow and cancel bulk renewals. */
export function renewalRoutes(api: Api, context: ApiContext): void {
  const { dispatcher, selectVolumes, audit, announce, clock, view: fleet } = context;
  const { bulks } = dispatcher;
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  const previews = new PreviewedSelections({ view: fleet, clock });
  const requested = new Cache<Renewal>({ clock, ttlMs: repeatMs, maxEntries: maxRepeatable });
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
      const { selection: wanted, dryRun = false, everything = false, token, requestId } = body;
      if (!hasCriterion(wanted) && !everything) {
        throw new CertfleetError(
          'invalid-argument',
          'the selection is empty: set a criterion, or everything: true for the whole fleet',
        );
      }
      const selection = await selectVolumes(wanted);
      if (dryRun) {
        const { token: shown, volumes } = previews.preview(selection);
        return await reply.code(200).send(toPreviewDto(bulks.preview(selection), volumes, shown));
      }
      const start = (): Promise<Renewal> =>
        startRenewal(context, body, {
          operator,
          selection: token === undefined ? selection : previews.confirmed(selection, token),
        });
      const renewal = requestId === undefined ? await start() : await requested.load(`${requestId} ${operator}`, start);
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

/** Starts a bulk renewal and records it in the audit log. */
function startRenewal(
  { dispatcher: { bulks }, audit }: ApiContext,
  { reason, ignoreWindows = false }: RenewalRequest,
  { operator, selection }: { readonly operator: string; readonly selection: VolumeSelection },
): Promise<Renewal> {
  const action = { who: operator, action: 'renew', target: describeSelection(selection), reason } as const;
  return audit.around(action, async () => {
    const id = await bulks.request(selection, { by: operator, reason, ignoreWindows });
    const value = toRenewalDto(await bulks.progress(id));
    return { value, detail: `${value.total} volumes${ignoreWindows ? ', windows ignored' : ''}; renewal ${id}` };
  });
}

/** An empty query selects nothing either. */
function hasCriterion({ query = {}, ...criteria }: { readonly query?: object }): boolean {
  return Object.keys(criteria).length > 0 || Object.keys(query).length > 0;
}
