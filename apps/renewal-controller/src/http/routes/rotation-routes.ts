import { NameSchema } from '@certfleet/operator-api/fields.ts';
import {
  RotationApprovalSchema,
  RotationRequestSchema,
  RotationSchema,
  RotationsSchema,
} from '@certfleet/operator-api/rotations.ts';
import type { Rotation } from '@certfleet/operator-api/rotations.ts';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { AuditedAction } from '../../audit/audit-log.ts';
import type { RotationObject } from '../../rotations/rotation-object.ts';
import { toRotationDto } from '../views/rotation-dto.ts';
import { renew, view } from './api-context.ts';
import type { Api, ApiContext } from './api-context.ts';

/** Two certificates of 64 KiB each, and the other fields. */
const bodyLimit = 192 * 1_024;

/** Routes to start, follow and change CA rotations. */
export function rotationRoutes(api: Api, context: ApiContext): void {
  const { rotations, audit, announce } = context;
  const routes = api.withTypeProvider<TypeBoxTypeProvider>();
  const one = { params: NameSchema, response: { 200: RotationSchema } };
  const acted = async (action: AuditedAction, act: () => Promise<RotationObject>): Promise<Rotation> => {
    const value = await audit.around(action, async () => ({ value: toRotationDto(await act()) }));
    await announce(['rotations']);
    return value;
  };
  routes.get('/rotations', { ...view, schema: { response: { 200: RotationsSchema } } }, () => ({
    rotations: rotations.list().map(toRotationDto),
  }));
  routes.get('/rotations/:id', { ...view, schema: one }, ({ params }) => toRotationDto(rotations.find(params.id)));
  routes.post(
    '/rotations',
    { ...renew, bodyLimit, schema: { body: RotationRequestSchema, response: { 202: RotationSchema } } },
    async ({ body, operator }, reply) => {
      const target = body.name === undefined ? 'rotation' : `rotation ${body.name}`;
      const action = { who: operator, action: 'rotate', target, reason: body.reason } as const;
      return await reply.code(202).send(await acted(action, () => rotations.start(body, operator)));
    },
  );
  for (const action of ['suspend', 'resume', 'rollback'] as const) {
    routes.post(`/rotations/:id/${action}`, { ...renew, schema: one }, async ({ params: { id }, operator }) =>
      acted({ who: operator, action, target: `rotation ${id}` }, () =>
        action === 'rollback' ? rotations.rollBack(id) : rotations.setSuspended(id, action === 'suspend'),
      ),
    );
  }
  routes.post(
    '/rotations/:id/approve',
    { ...renew, schema: { ...one, body: RotationApprovalSchema } },
    async ({ params: { id }, body: { phase }, operator }) =>
      acted({ who: operator, action: 'approve', target: `rotation ${id}`, reason: phase }, () =>
        rotations.approve(id, phase),
      ),
  );
  routes.delete('/rotations/:id', { ...renew, schema: one }, async ({ params: { id }, operator }) =>
    acted({ who: operator, action: 'cancel', target: `rotation ${id}` }, () => rotations.delete(id)),
  );
}
