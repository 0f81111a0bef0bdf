import { CertificateSchema, PodEventsSchema } from '@certfleet/operator-api/certificate.ts';
import { VolumePathSchema } from '@certfleet/operator-api/volumes.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { VolumeOfNode } from '../fleet-api/node-questions.ts';
import type { FleetView } from '../fleet-index/fleet-view.ts';
import type { IndexedVolume } from '../fleet-index/indexed-volume.ts';
import { view } from './api-context.ts';
import type { Api, VolumeInspection } from './api-context.ts';
import { toCertificateDto } from './certificate-dto.ts';

const params = VolumePathSchema;

/** What the index does not hold of a volume, asked for when somebody looks: its certificate, and its pod's events. */
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

/** Nobody is asked about volumes that no agent has reported. */
function known(fleet: FleetView, { node, volumeId }: VolumeOfNode): IndexedVolume {
  const volume = fleet.volume(node, volumeId);
  if (volume !== undefined) return volume;
  throw new CertfleetError('not-found', `there is no volume ${volumeId} on node ${node}`);
}
