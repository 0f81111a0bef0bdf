import assert from 'node:assert/strict';

import type { Rendered } from './render-chart.ts';

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string }[];
}

/** The fields of a Deployment, StatefulSet or DaemonSet that the tests check. */
export interface Workload {
  readonly template: {
    readonly metadata: { readonly labels: object; readonly annotations: object };
    readonly spec: {
      readonly securityContext: object;
      readonly containers: readonly [Container];
      readonly initContainers?: readonly Container[];
      readonly volumes: readonly {
        readonly name: string;
        readonly projected?: { readonly sources: readonly object[] };
      }[];
    };
  };
  readonly [field: string]: unknown;
}

export function named(objects: readonly Rendered[], kind: string, name: string): Rendered {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `expected ${kind} ${name}`);
  return found;
}

export const workload = (objects: readonly Rendered[], kind: string, name: string): Workload =>
  named(objects, kind, name)['spec'] as Workload;
export const controllerOf = (objects: readonly Rendered[]): Workload =>
  workload(objects, 'Deployment', 'certfleet-controller');
export const argsOf = (objects: readonly Rendered[]): readonly string[] =>
  controllerOf(objects).template.spec.containers[0].args;
/** The sources of a projected volume. */
export const sourcesOf = ({ template }: Workload, volume: string): readonly object[] | undefined =>
  template.spec.volumes.find(({ name }) => name === volume)?.projected?.sources;
