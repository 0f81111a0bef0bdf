import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';

import { toolPath } from '../tools/build.ts';

const run = promisify(execFile);

/** The chart's folder. */
export const chartPath: string = resolve(import.meta.dirname, '../../helm/certfleet');

/** What a rendering may depend on besides the values. */
export interface RenderOptions {
  /** Version of the cluster, without the v; 1.35.4 when not given. */
  readonly kubeVersion?: string;
  /** API groups that the cluster has besides Kubernetes' own, such as security.openshift.io/v1. */
  readonly apiVersions?: readonly string[];
}

/** The part of a Kubernetes object that the tests look at in every kind. */
export interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels: Record<string, string> };
  readonly [field: string]: unknown;
}

/** Runs helm; rejects with its error output when it fails. */
export async function helm(...args: string[]): Promise<string> {
  return (await run(await toolPath('helm'), args)).stdout;
}

/** The YAML that the chart renders to with these values over its own. */
export async function renderText(values: object = {}, options: RenderOptions = {}): Promise<string> {
  const flags = [
    ...['--namespace', 'cert-manager', '--kube-version', options.kubeVersion ?? '1.35.4'],
    ...(options.apiVersions ?? []).flatMap((version) => ['--api-versions', version]),
    ...Object.entries(values).flatMap(([name, value]) => ['--set-json', `${name}=${JSON.stringify(value)}`]),
  ];
  return helm('template', 'release', chartPath, ...flags);
}

/** The objects that the chart renders to. Throws on YAML that is not, duplicate keys included. */
export async function render(values: object = {}, options: RenderOptions = {}): Promise<Rendered[]> {
  const documents = parseAllDocuments(await renderText(values, options));
  if (!Array.isArray(documents)) return [];
  return documents.map((document) => {
    if (document.errors.length > 0) throw new AggregateError(document.errors, 'the chart renders to invalid YAML');
    return document.toJS() as Rendered;
  });
}

/** The one object of that kind. */
export function objectOf(objects: readonly Rendered[], kind: string): Rendered {
  const [found, another] = objects.filter((object) => object.kind === kind);
  if (found === undefined || another !== undefined) throw new Error(`expected one ${kind}`);
  return found;
}
