import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';

import { toolPath } from '../tools/build.ts';
import { kubernetesVersion as clusterVersion } from '../tools/modules.ts';

const run = promisify(execFile);

export const chartPath: string = resolve(import.meta.dirname, '../../helm/certfleet');

/** The Kubernetes version of the test clusters without the v, as in --kube-version. */
export const kubernetesVersion: string = clusterVersion.slice(1);

/** Parameters of a rendering besides the values. */
export interface RenderOptions {
  /** Kubernetes version without the v; by default that of the test clusters. */
  readonly kubeVersion?: string;
  /** Additional API groups of the cluster, such as security.openshift.io/v1. */
  readonly apiVersions?: readonly string[];
  /** Files with values, below the values. */
  readonly files?: readonly string[];
}

/** The common fields of Kubernetes objects that the tests check. */
export interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels: Record<string, string> };
  readonly [field: string]: unknown;
}

/** Runs helm; rejects with its error output when it fails. */
export async function helm(...args: string[]): Promise<string> {
  // Its garbage collection is a sixth of the CPU time of a rendering.
  return (await run(await toolPath('helm'), args, { env: { ...process.env, GOGC: 'off' } })).stdout;
}

const rendered = new Map<string, Promise<string>>();

/** The rendered YAML with these values. The chart does not change meanwhile, so helm renders the same values once. */
export function renderText(values: object = {}, options: RenderOptions = {}): Promise<string> {
  const flags = [
    ...['--namespace', 'cert-manager', '--kube-version', options.kubeVersion ?? kubernetesVersion],
    ...(options.apiVersions ?? []).flatMap((version) => ['--api-versions', version]),
    ...(options.files ?? []).flatMap((file) => ['--values', file]),
    ...Object.entries(values).flatMap(([name, value]) => ['--set-json', `${name}=${JSON.stringify(value)}`]),
  ];
  const key = flags.join('\n');
  const known = rendered.get(key) ?? helm('template', 'release', chartPath, ...flags);
  rendered.set(key, known);
  return known;
}

/** The rendered objects. Throws on invalid YAML, including duplicate keys. */
export async function render(values: object = {}, options: RenderOptions = {}): Promise<Rendered[]> {
  const documents = parseAllDocuments(await renderText(values, options));
  if (!Array.isArray(documents)) return [];
  return documents.map((document) => {
    if (document.errors.length > 0) throw new AggregateError(document.errors, 'the chart renders invalid YAML');
    return document.toJS() as Rendered;
  });
}

export function objectOf(objects: readonly Rendered[], kind: string): Rendered {
  const [found, another] = objects.filter((object) => object.kind === kind);
  if (found === undefined || another !== undefined) throw new Error(`expected one ${kind}`);
  return found;
}
