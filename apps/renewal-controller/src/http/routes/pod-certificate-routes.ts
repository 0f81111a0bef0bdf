import {
  PodCertificateGroupQuerySchema,
  PodCertificateGroupsSchema,
  PodCertificatePageSchema,
  PodCertificateQuerySchema,
} from '@certfleet/operator-api/pod-certificates.ts';
import type { PodCertificateGroups, PodCertificatePage } from '@certfleet/operator-api/pod-certificates.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { podCertificateGroups } from '../../pod-certificates/pod-certificate-groups.ts';
import { podCertificatePage } from '../../pod-certificates/pod-certificate-page.ts';
import { secondCache } from '../views/second-cache.ts';
import { view } from './api-context.ts';
import type { Api, ApiContext } from './api-context.ts';

/** The routes of the table of pod certificates. */
export function podCertificateRoutes(api: Api, context: ApiContext): void {
  const { podCertificates, clock, feed } = context;
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  const pages = secondCache<PodCertificatePage>(clock, feed);
  const schema = { querystring: PodCertificateQuerySchema, response: { 200: PodCertificatePageSchema } };
  routes.get('/pod-certificates', { ...view, schema }, ({ query }) =>
    pages.load(JSON.stringify(query), () => Promise.resolve(podCertificatePage(podCertificates(), query, clock.now()))),
  );
  const groups = secondCache<PodCertificateGroups>(clock, feed);
  const groupSchema = { querystring: PodCertificateGroupQuerySchema, response: { 200: PodCertificateGroupsSchema } };
  routes.get('/pod-certificates/groups', { ...view, schema: groupSchema }, ({ query }) =>
    groups.load(JSON.stringify(query), () =>
      Promise.resolve(podCertificateGroups(podCertificates(), query, clock.now())),
    ),
  );
}
