import { NameSchema } from '@certfleet/operator-api/fields.ts';
import {
  RenewalDetailSchema,
  RenewalPreviewSchema,
  RenewalRequestSchema,
  RenewalSchema,
  RenewalsSchema,
} from '@certfleet/operator-api/renewals.ts';
import type { Renewal, RenewalDetail, RenewalRequest, SelectionRequest } from '@certfleet/operator-api/renewals.ts';
import { Cache } from '@certfleet/shared/cache.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { AuditedAction } from '../../audit/audit-log.ts';
import { describeSelection } from '../../fleet-index/query/volume-selection.ts';
import type { VolumeSelection } from '../../fleet-index/query/volume-selection.ts';
import { RenewalRequests } from '../../renewals/renewal-requests.ts';
import { renew, view } from './api-context.ts';
import type { Api, ApiContext } from './api-context.ts';
import { PreviewedSelections } from '../views/previewed-selections.ts';
import { riskSources } from '../views/volume-risk.ts';
import { toVolumeDto } from '../views/volume-dto.ts';
import { toPreviewDto, toRenewalDto, toRenewalWorkDto } from '../views/renewal-dto.ts';

/** The largest list of volumes in a Renewal object. */
const maxVolumes = 1_000;

/** A renewal is compared with the whole fleet at most this often. */
const workMs = 5_000;

/** Routes to preview, start, follow, suspend and cancel renewals on demand. */
export function renewalRoutes(api: Api, context: ApiContext): void {
  const { renewals, selectVolumes, announce, clock, view: fleet } = context;
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  const previews = new PreviewedSelections({ view: fleet, clock });
  const one = { params: NameSchema, response: { 200: RenewalSchema } };
  routes.get('/renewals', { ...view, schema: { response: { 200: RenewalsSchema } } }, async () => ({
    renewals: (await renewals.list()).map(toRenewalDto),
  }));
  routes.get('/renewals/:id', { ...view, schema: one }, async ({ params }) =>
    toRenewalDto(await renewals.progress(params.id)),
  );
  const works = new Cache<Omit<RenewalDetail, keyof Renewal>>({ clock, ttlMs: workMs, maxEntries: 64 });
  const detailed = { params: NameSchema, response: { 200: RenewalDetailSchema } };
  routes.get('/renewals/:id/detail', { ...view, schema: detailed }, async ({ params }) => {
    const progress = await renewals.progress(params.id);
    // The counts and the state are always current.
    const work = await works.load(`${progress.id} ${progress.state}`, async () => {
      const risks = await riskSources(context);
      return toRenewalWorkDto(await renewals.work(progress), (volume) =>
        toVolumeDto(context, volume, { status: fleet().statusOf(volume, clock.now()), risks }),
      );
    });
    return { ...toRenewalDto(progress), ...work };
  });
  routes.post(
    '/renewals',
    {
      ...renew,
      schema: { body: RenewalRequestSchema, response: { 200: RenewalPreviewSchema, 202: RenewalSchema } },
    },
    async ({ body, operator }, reply) => {
      const { selection: wanted, dryRun = false, everything = false, token } = body;
      if (!hasCriterion(wanted) && !everything) {
        throw new CertfleetError(
          'invalid-argument',
          'the selection is empty: set a criterion, or everything: true for the whole fleet',
        );
      }
      const selection = await selectVolumes(wanted);
      if (dryRun) {
        const { token: shown, volumes } = previews.preview(selection);
        return await reply.code(200).send(toPreviewDto(renewals.preview(selection), volumes, shown));
      }
      const confirmed = token === undefined ? selection : previews.confirmed(selection, token);
      const renewal = await startRenewal(context, body, { operator, selection: confirmed });
      await announce(['renewals']);
      return await reply.code(202).send(renewal);
    },
  );
  changeRoutes(api, context);
}

/** Routes that change a renewal. */
function changeRoutes(api: Api, { renewals, audit, announce }: ApiContext): void {
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  const one = { params: NameSchema, response: { 200: RenewalSchema } };
  const acted = async (
    action: AuditedAction,
    act: () => Promise<{ readonly value: Renewal; readonly detail: string }>,
  ): Promise<Renewal> => {
    const renewal = await audit.around(action, act);
    await announce(['renewals']);
    return renewal;
  };
  routes.delete('/renewals/:id', { ...renew, schema: one }, async ({ params, operator }) =>
    acted({ who: operator, action: 'cancel', target: `renewal ${params.id}` }, async () => {
      const value = toRenewalDto(await renewals.cancel(params.id));
      return { value, detail: `${value.renewed} of ${value.total} volumes were renewed` };
    }),
  );
  for (const action of ['suspend', 'resume'] as const) {
    routes.post(`/renewals/:id/${action}`, { ...renew, schema: one }, async ({ params, operator }) =>
      acted({ who: operator, action, target: `renewal ${params.id}` }, async () => {
        const value = toRenewalDto(await renewals.setSuspended(params.id, action === 'suspend'));
        return { value, detail: `${value.renewed} of ${value.total} volumes are renewed` };
      }),
    );
  }
  routes.post('/renewals/:id/approve', { ...renew, schema: one }, async ({ params, operator }) =>
    acted({ who: operator, action: 'approve', target: `renewal ${params.id}` }, async () => {
      const value = toRenewalDto(await renewals.approve(params.id, operator));
      return { value, detail: `${value.pending} of ${value.total} volumes are left` };
    }),
  );
}

/** Creates a renewal and records it in the audit log; a repeated request returns the renewal of the first. */
async function startRenewal(
  { renewals, audit }: ApiContext,
  { selection: wanted, reason, ignoreWindows = false, requestId, canary, stopAfterFailures }: RenewalRequest,
  { operator, selection }: { readonly operator: string; readonly selection: VolumeSelection },
): Promise<Renewal> {
  const name = requestId === undefined ? undefined : RenewalRequests.nameOf(requestId, operator);
  const earlier = name === undefined ? undefined : await renewals.find(name);
  if (earlier !== undefined) return toRenewalDto(earlier);
  const request = confirmedRequest(wanted, selection);
  const action = { who: operator, action: 'renew', target: describeSelection(selection), reason } as const;
  return await audit.around(action, async () => {
    const wish = { by: operator, reason, ignoreWindows, canary, stopAfterFailures };
    const value = toRenewalDto(await renewals.request(request, wish, name));
    const limits = [
      ...(ignoreWindows ? [', windows ignored'] : []),
      ...(canary === undefined ? [] : [`, canary of ${canary}`]),
      ...(stopAfterFailures === undefined ? [] : [`, stops after ${stopAfterFailures} failed attempts`]),
    ];
    return { value, detail: `${value.total} volumes${limits.join('')}; renewal ${value.id}` };
  });
}

/** The request, limited to the volumes that the operator confirmed. */
function confirmedRequest(wanted: SelectionRequest, { volumes }: VolumeSelection): SelectionRequest {
  if (volumes === undefined || volumes === wanted.volumes) return wanted;
  if (volumes.length > maxVolumes) {
    throw new CertfleetError(
      'failed-precondition',
      'the selection has changed since its preview, and has too many volumes to leave the new ones out: confirm the new preview',
    );
  }
  return { ...wanted, volumes: [...volumes] };
}

/** An empty query selects nothing either. */
function hasCriterion({ query = {}, ...criteria }: { readonly query?: object }): boolean {
  return Object.keys(criteria).length > 0 || Object.keys(query).length > 0;
}
