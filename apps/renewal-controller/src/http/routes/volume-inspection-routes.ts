import { CertificateSchema, PodEventsSchema } from '@certfleet/operator-api/certificate.ts';
import { VolumePathSchema } from '@certfleet/operator-api/volumes.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { VolumeOfNode } from '../../fleet-api/node-questions.ts';
import type { FleetView } from '../../fleet-index/view/fleet-view.ts';
import type { IndexedVolume } from '../../fleet-index/model/indexed-volume.ts';
import { view } from './api-context.ts';
import type { Api, VolumeInspection } from './api-context.ts';
import { toCertificateDto } from '../views/certificate-dto.ts';

const params = VolumePathSchema;

/** Routes for data outside the index, read on request: a volume's certificate and its pod's events. */
export function volumeInspectionRoutes(api: Api, { view: viewNow, describeVolume, podEvents }: VolumeInspection): void {
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  routes.get(
    '/volumes/:node/:volumeId/certificate',
    { ...view, schema: { params, response: { 200: CertificateSchema } } },
    async ({ params: volume }) => {
      known(viewNow(), volume);
      return toCertificateDto(volume, await describeVolume(volume));
    },
  );
  routes.get(
    '/volumes/:node/:volumeId/events',
    { ...view, schema: { params, response: { 200: PodEventsSchema } } },
    ({ params: volume }) => podEvents(known(viewNow(), volume)),
  );
}

/** Rejects unknown volumes before any request to an agent or the API server. */
function known(fleet: FleetView, { node, volumeId }: VolumeOfNode): IndexedVolume {
  const volume = fleet.volume(node, volumeId);
  if (volume !== undefined) return volume;
  throw new CertfleetError('not-found', `there is no volume ${volumeId} on node ${node}`);
}
