import { lanePolicyKind } from '@certfleet/fleet-model/lanes/lane-policy-kind.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import type { Static, TSchema } from 'typebox';
import type { IntentObject } from './intent-object.ts';
import { caRotationKind } from './kinds/ca-rotation-kind.ts';
import { renewalKind } from './kinds/renewal-kind.ts';

export const intentGroup = 'certfleet.io';
export const intentVersion = 'v1alpha1';
export const intentApiVersion = `${intentGroup}/${intentVersion}`;

/** Every kind of the group. A new kind is one row here and one in `Contents`; `npm run reference` writes its definition. */
export const intentKinds = {
  LanePolicy: lanePolicyKind,
  Renewal: renewalKind,
  CARotation: caRotationKind,
} as const;

export type IntentKind = keyof typeof intentKinds;

interface Content<Schemas extends { readonly spec: TSchema; readonly status: TSchema }> {
  readonly spec: Static<Schemas['spec']>;
  readonly status: Static<Schemas['status']>;
}

/** By names: with a type parameter, the compiler would derive the types of all schemas again in each function. */
interface Contents {
  readonly LanePolicy: Content<typeof lanePolicyKind>;
  readonly Renewal: Content<typeof renewalKind>;
  readonly CARotation: Content<typeof caRotationKind>;
}

export type SpecOf<Kind extends IntentKind> = Contents[Kind]['spec'];
export type StatusOf<Kind extends IntentKind> = Contents[Kind]['status'];
export type ObjectOf<Kind extends IntentKind> = IntentObject<SpecOf<Kind>, StatusOf<Kind>>;

export const allKinds = Object.keys(intentKinds) as readonly IntentKind[];

/** The resource of a kind in the Kubernetes API; cluster-scoped, because a lane concerns the whole fleet. */
export function intentResource(kind: IntentKind): ApiResource {
  return { group: intentGroup, version: intentVersion, plural: intentKinds[kind].plural };
}
