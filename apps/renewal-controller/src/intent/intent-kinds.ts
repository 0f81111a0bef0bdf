import { lanePolicyKind } from '@certfleet/fleet-model/lanes/lane-policy-kind.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import type { Static } from 'typebox';
import type { IntentObject } from './intent-object.ts';
import { caRotationKind } from './kinds/ca-rotation-kind.ts';
import { renewalKind } from './kinds/renewal-kind.ts';

export const intentGroup = 'certfleet.io';
export const intentVersion = 'v1alpha1';
export const intentApiVersion = `${intentGroup}/${intentVersion}`;

/** Every kind of the group. A new kind is one row here; `npm run reference` writes its CustomResourceDefinition. */
export const intentKinds = {
  LanePolicy: lanePolicyKind,
  Renewal: renewalKind,
  CARotation: caRotationKind,
} as const;

export type IntentKind = keyof typeof intentKinds;
export type SpecOf<Kind extends IntentKind> = Static<(typeof intentKinds)[Kind]['spec']>;
export type StatusOf<Kind extends IntentKind> = Static<(typeof intentKinds)[Kind]['status']>;
export type ObjectOf<Kind extends IntentKind> = IntentObject<SpecOf<Kind>, StatusOf<Kind>>;

export const allKinds = Object.keys(intentKinds) as readonly IntentKind[];

/** The resource of a kind in the Kubernetes API; cluster-scoped, because a lane concerns the whole fleet. */
export function intentResource(kind: IntentKind): ApiResource {
  return { group: intentGroup, version: intentVersion, plural: intentKinds[kind].plural };
}
