import { Type } from 'typebox';
import type { Static } from 'typebox';

const text = (description: string, maxLength = 256) => Type.String({ minLength: 1, maxLength, description });

export const IssuerSchema = Type.Object({
  group: text('API group of the issuer, such as cert-manager.io'),
  kind: text('Issuer, ClusterIssuer, or a kind of an external issuer'),
  namespace: Type.String({ maxLength: 256, description: 'Empty for an issuer of the whole cluster' }),
  name: text('Name of the issuer'),
});

/** Which volumes are meant; every criterion that is given must hold. */
export const SelectionSchema = Type.Object(
  {
    node: Type.Optional(text('Name of the node')),
    volumeId: Type.Optional(text('Id of the volume')),
    namespace: Type.Optional(text('Namespace of the pod')),
    pod: Type.Optional(text('Name of the pod')),
    labelSelector: Type.Optional(text('Label selector of pods, as kubectl takes it', 1024)),
    issuer: Type.Optional(IssuerSchema),
    issuedBefore: Type.Optional(
      Type.String({ format: 'date-time', description: 'Issued before this time (RFC 3339)' }),
    ),
    caFingerprint: Type.Optional(
      Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of a certificate of the CA file, hexadecimal' }),
    ),
  },
  { additionalProperties: false },
);
export type SelectionRequest = Static<typeof SelectionSchema>;

export const RenewalRequestSchema = Type.Object(
  {
    selection: SelectionSchema,
    reason: text('Shown with the progress and kept in the log', 512),
    dryRun: Type.Optional(Type.Boolean({ description: 'Counts what would be renewed; nothing happens' })),
    ignoreWindows: Type.Optional(Type.Boolean({ description: 'Does not wait for renewal windows' })),
    everything: Type.Optional(Type.Boolean({ description: 'Must be true for a selection without any criterion' })),
  },
  { additionalProperties: false },
);

export const VolumeQuerySchema = Type.Object(
  {
    node: Type.Optional(text('Name of the node')),
    namespace: Type.Optional(text('Namespace of the pod')),
    pod: Type.Optional(text('Name of the pod')),
    volumeId: Type.Optional(text('Id of the volume')),
    issuer: Type.Optional(text('Key of the issuer, kind.group/namespace/name', 1024)),
    state: Type.Optional(
      Type.Union([
        Type.Literal('pending'),
        Type.Literal('ready'),
        Type.Literal('failing'),
        Type.Literal('expired'),
        Type.Literal('unknown'),
      ]),
    ),
    limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
    after: Type.Optional(text('The `next` of the page before', 1024)),
  },
  { additionalProperties: false },
);
export type VolumeQuery = Static<typeof VolumeQuerySchema>;

export const IdSchema = Type.Object({ id: text('Id', 64) });
export const PauseSchema = Type.Object({ reason: text('Shown with the lane', 512) }, { additionalProperties: false });
